"""What speaks to the authority: MSAL, its HTTP client, the azure-core pipeline, endpoints."""
