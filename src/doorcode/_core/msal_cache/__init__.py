"""MSAL's unified token cache: its rows, how to find a row, how to change the rows."""
