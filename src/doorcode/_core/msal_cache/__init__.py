"""MSAL's unified token cache: its rows, how to find one, how to change them."""
