"""What each test of azure-identity's own suite, and of azure-core's for its policies, says of doorcode.

A test counts, which is then to pass, every variant of it; or it needs a part of azure-identity that is private; or it
wants what doorcode does differently on purpose. A module that is about something else is one row.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True)
class Edit:
    """An input that doorcode refuses on purpose, and one that both libraries take.

    Args:
        module: where it stands.
        old: as azure-identity's suite has it.
        new: what takes its place, in every occurrence.
        why: what is refused, or which part is private.
    """

    module: str
    old: str
    new: str
    why: str


@dataclass(frozen=True)
class Table:
    """What the tests of one suite say, by module.

    Args:
        counts: tests that pass.
        private: tests that need a private part of the other library, and which.
        differs: tests that want what differs on purpose, and the row of tests/compat/differences.py.
        passing: of ``private``: those that look at the other library's own code alone, and so pass.
        lacking: variants that fail with the other library too: the module, the variant, and what they lack.
        edits: replacements in the unpacked copy.
    """

    counts: dict[str, tuple[str, ...]]
    private: dict[str, dict[str, str]]
    differs: dict[str, dict[str, str]] = field(default_factory=dict)
    passing: tuple[str, ...] = ()
    lacking: tuple[tuple[str, str, str], ...] = ()
    edits: tuple[Edit, ...] = ()

    @property
    def counting(self) -> list[tuple[str, str]]:
        """Return module and name of each test that counts."""
        return [(module, test) for module, tests in self.counts.items() for test in tests]

    @property
    def not_counting(self) -> list[tuple[str, str]]:
        """Return module and name of each test that does not."""
        rows = (self.private, self.differs)
        return [(module, test) for row in rows for module, tests in row.items() for test in tests]

    @property
    def modules(self) -> set[str]:
        """Return the modules that are run."""
        return {module for module, _ in [*self.counting, *self.not_counting]}


COUNTS: Final[dict[str, tuple[str, ...]]] = {
    "test_auth_record": ("test_serialization", "test_unknown_version"),
    "test_authority": ("test_get_default_authority", "test_normalize_authority"),
    "test_bearer_token_provider": ("test_get_bearer_token_provider",),
    "test_bearer_token_provider_async": ("test_get_bearer_token_provider",),
    "test_browser_credential": (
        "test_disable_automatic_authentication",
        "test_invalid_redirect_uri",
        "test_no_browser",
        "test_no_scopes",
        "test_policies_configurable",
        "test_tenant_id_validation",
        "test_timeout",
    ),
    "test_chained_credential": (
        "test_attempts_all_credentials",
        "test_close",
        "test_context_manager",
        "test_credentials_with_no_get_token",
        "test_credentials_with_no_get_token_info",
        "test_credentials_with_pop_option",
        "test_error_message",
        "test_managed_identity_failed_probe",
        "test_raises_for_unexpected_error",
        "test_returns_first_token",
    ),
    "test_chained_token_credential_async": (
        "test_chain_attempts_all_credentials",
        "test_chain_raises_for_unexpected_error",
        "test_close",
        "test_context_manager",
        "test_credential_chain_error_message",
        "test_credentials_with_no_get_token",
        "test_credentials_with_no_get_token_info",
        "test_credentials_with_pop_option",
        "test_managed_identity_failed_probe",
        "test_returns_first_token",
    ),
    "test_context_manager": ("test_close", "test_context_manager", "test_exit_args", "test_no_op"),
    "test_device_code_credential": (
        "test_authenticate",
        "test_default_tenant_id",
        "test_device_code_credential",
        "test_disable_automatic_authentication",
        "test_no_scopes",
        "test_policies_configurable",
        "test_tenant_id",
        "test_tenant_id_validation",
        "test_user_agent",
    ),
    "test_initialization": ("test_credential_is_supports_token_info", "test_credential_is_token_credential"),
    "test_interactive_credential": (
        "test_arbitrary_kwargs_propagated_get_token_info",
        "test_authenticate_default_scopes",
        "test_authenticate_ignores_disable_automatic_authentication",
        "test_authenticate_unknown_cloud",
        "test_disable_automatic_authentication",
        "test_home_account_id_client_info",
        "test_multitenant_authentication",
        "test_multitenant_authentication_not_allowed",
        "test_no_scopes",
        "test_scopes_round_trip",
        "test_tenant_argument_overrides_record",
    ),
    "test_persistent_cache": ("test_token_cache_persistence_options",),
}
"""By module: the tests that count."""

PRIVATE: Final[dict[str, dict[str, str]]] = {
    "test_browser_credential": {
        "test_browser_credential": "somebody at a browser, and the real cloud",
        "test_cannot_bind_port": "the option _server_class; tests/browser/test_browser_credential.py takes a real port",
        "test_cannot_bind_redirect_uri": "the option _server_class; likewise",
        "test_redirect_server": "AuthCodeRedirectServer",
        "test_redirect_server_post": "AuthCodeRedirectServer",
        "test_redirect_uri": "the option _server_class",
    },
    "test_chained_credential": {
        "test_managed_identity_imds_probe": "the User-Agent that ManagedIdentityCredential sends, which is not ours",
    },
    "test_chained_token_credential_async": {
        "test_managed_identity_imds_probe": "the User-Agent that ManagedIdentityCredential sends, which is not ours",
    },
    "test_device_code_credential": {
        "test_claims_challenge": "_get_app, and how MSAL is called; tests/credential/test_claims.py looks at the wire",
        "test_client_capabilities": "_get_app; likewise",
        "test_timeout": "_get_app; tests/credential/test_timeouts.py has a real authority",
    },
    "test_interactive_credential": {
        "test_authentication_record_argument": "that an MSAL application is made where nothing is cached",
        "test_enable_support_logging": "that an MSAL application is made where nothing is cached",
        "test_get_token_wraps_exceptions": "that MSAL is asked for a silent token",
        "test_token_cache_persistent": "_get_app and _load_persistent_cache",
    },
    "test_persistent_cache": {
        "test_persistent_cache_linux": "_load_persistent_cache; tests/cache/test_select.py chooses stores",
        "test_persistent_cache_macos": "_load_persistent_cache; likewise",
    },
}
"""By module: the tests that need a private part, and which."""

DIFFERS: Final[dict[str, dict[str, str]]] = {
    "test_interactive_credential": {"test_adfs": "record-authority"},
}
"""By module: the tests that want what differs on purpose, and the row of tests/compat/differences.py."""

LACKING: Final = (("test_context_manager", "CertificateCredential", "the certificate that the sdist leaves out"),)
"""Variants that fail with azure-identity too: the module, the variant, and what they lack."""

_OTHERS: Final = "a credential that needs no user, which doorcode does not have"
_PRIVATE: Final = "a private part of azure-identity alone"
_LIVE: Final = "a live service, or a recording of one that the sdist leaves out"

ELSEWHERE: Final[dict[str, str]] = {
    "test_aad_client": _PRIVATE,
    "test_aad_client_async": _PRIVATE,
    "test_app_service": _OTHERS,
    "test_app_service_async": _OTHERS,
    "test_auth_code": _OTHERS,
    "test_auth_code_async": _OTHERS,
    "test_azd_cli_credential": _OTHERS,
    "test_azd_cli_credential_async": _OTHERS,
    "test_azure_arc": _OTHERS,
    "test_azure_pipelines_credential": _OTHERS,
    "test_azure_pipelines_credential_async": _OTHERS,
    "test_certificate_credential": _OTHERS,
    "test_certificate_credential_async": _OTHERS,
    "test_cli_credential": _OTHERS,
    "test_cli_credential_async": _OTHERS,
    "test_client_assertion_credential": _OTHERS,
    "test_client_assertion_credential_async": _OTHERS,
    "test_client_secret_credential": _OTHERS,
    "test_client_secret_credential_async": _OTHERS,
    "test_decorators": f"{_PRIVATE}: log_get_token",
    "test_default": _OTHERS,
    "test_default_async": _OTHERS,
    "test_environment_credential": _OTHERS,
    "test_environment_credential_async": _OTHERS,
    "test_get_token_mixin": f"{_PRIVATE}: GetTokenMixin",
    "test_get_token_mixin_async": f"{_PRIVATE}: GetTokenMixin",
    "test_imds_credential": _OTHERS,
    "test_imds_credential_async": _OTHERS,
    "test_initialization_async": "azure.identity.aio, which has none of the interactive credentials",
    "test_instance_discovery": f"{_PRIVATE}: MsalCredential._get_app",
    "test_live": _LIVE,
    "test_live_async": _LIVE,
    "test_managed_identity": _OTHERS,
    "test_managed_identity_async": _OTHERS,
    "test_managed_identity_client": _OTHERS,
    "test_managed_identity_client_async": _OTHERS,
    "test_msal_client": f"{_PRIVATE}: MsalClient",
    "test_multi_tenant_auth": _LIVE,
    "test_multi_tenant_auth_async": _LIVE,
    "test_obo": _OTHERS,
    "test_obo_async": _OTHERS,
    "test_pickling": f"{_PRIVATE}: MsalCredential, and {_OTHERS}",
    "test_pickling_async": _OTHERS,
    "test_powershell_credential": _OTHERS,
    "test_powershell_credential_async": _OTHERS,
    "test_shared_cache_credential": "SharedTokenCacheCredential, which asks nobody",
    "test_shared_cache_credential_async": "SharedTokenCacheCredential, which asks nobody",
    "test_token_binding_transport": _PRIVATE,
    "test_token_credentials_env": _OTHERS,
    "test_token_credentials_env_async": _OTHERS,
    "test_username_password_credential": "UsernamePasswordCredential: a password, and nobody is asked",
    "test_vscode_credential": "VisualStudioCodeCredential, which asks nobody",
    "test_vscode_credential_async": "VisualStudioCodeCredential, which asks nobody",
    "test_workload_identity_credential": _OTHERS,
    "test_workload_identity_credential_async": _OTHERS,
}
"""Modules that are about something else, and what; they are not run."""

EDITS: Final = (
    Edit(
        "test_browser_credential",
        'InteractiveBrowserCredential.__module__ + ".webbrowser.open"',
        '"webbrowser.open"',
        "the name of a private module",
    ),
    Edit(
        "test_browser_credential",
        'InteractiveBrowserCredential.__module__ + "._open_browser"',
        "WEBBROWSER_OPEN",
        "a private function, which calls webbrowser.open",
    ),
    Edit(
        "test_device_code_credential",
        '"verification-uri"',
        '"https://verification.example/uri"',
        "a verification_uri that is no https address",
    ),
    Edit("test_device_code_credential", '"tenant_id": "tenant_id"', '"tenant_id": "tenant-id"', "a tenant with '_'"),
    Edit(
        "test_interactive_credential",
        'expected_claims = "..."',
        "expected_claims = '{\"access_token\": {}}'",
        "claims that are no JSON",
    ),
)
"""Replacements in the unpacked copy."""

AZURE_IDENTITY: Final = Table(
    COUNTS,
    PRIVATE,
    DIFFERS,
    ("test_redirect_server", "test_redirect_server_post", "test_persistent_cache_linux"),
    LACKING,
    EDITS,
)

_CALLS: Final = "that a mock is asked for each token anew, where a user is not"

AZURE_CORE: Final = Table(
    {
        "test_authentication": (
            "test_access_token_subscriptable",
            "test_access_token_unpack",
            "test_auth_header_stripped_after_cross_domain_redirect_with_retry",
            "test_azure_http_credential_policy",
            "test_azure_key_credential_policy",
            "test_azure_key_credential_policy_raises",
            "test_azure_key_credential_updates",
            "test_azure_named_key_credential",
            "test_azure_named_key_credential_raises",
            "test_azure_sas_credential_policy",
            "test_azure_sas_credential_policy_raises",
            "test_azure_sas_credential_updates",
            "test_bearer_policy_adds_header",
            "test_bearer_policy_adds_header_access_token_info",
            "test_bearer_policy_authorize_request",
            "test_bearer_policy_authorize_request_access_token_info",
            "test_bearer_policy_calls_on_challenge",
            "test_bearer_policy_calls_sansio_methods",
            "test_bearer_policy_cannot_complete_challenge",
            "test_bearer_policy_context_unmodified_by_default",
            "test_bearer_policy_default_context",
            "test_bearer_policy_enable_cae",
            "test_bearer_policy_on_challenge_caches_token_with_claims",
            "test_bearer_policy_on_challenge_exception_chaining",
            "test_bearer_policy_optionally_enforces_https",
            "test_bearer_policy_preserves_enforce_https_opt_out",
            "test_bearer_policy_reads_streamed_response_on_challenge_exception",
            "test_bearer_policy_redirect_customize_sensitive_headers",
            "test_bearer_policy_redirect_different_domain",
            "test_bearer_policy_redirect_opt_out_clean_up",
            "test_bearer_policy_redirect_same_domain",
            "test_bearer_policy_send",
            "test_bearer_policy_token_caching",
            "test_challenge_auth_header_stripped_after_redirect",
            "test_jitter_set_on_token_request",
            "test_key_vault_regression",
            "test_need_new_token",
            "test_need_new_token_jitter_boundary_conditions",
            "test_need_new_token_with_external_defined_token_class",
            "test_need_new_token_with_jitter",
            "test_need_new_token_with_refresh_on_and_jitter",
        ),
        "test_authentication_async": (
            "test_async_bearer_policy_on_challenge_caches_token",
            "test_async_bearer_policy_on_challenge_exception_chaining",
            "test_async_bearer_policy_reads_streamed_response_on_challenge_exception",
            "test_async_token_credential_asyncio_lock",
            "test_async_token_credential_inheritance",
            "test_async_token_credential_sync",
            "test_auth_header_stripped_after_cross_domain_redirect_with_retry",
            "test_bearer_policy_adds_header",
            "test_bearer_policy_adds_header_access_token_info",
            "test_bearer_policy_authorize_request",
            "test_bearer_policy_authorize_request_access_token_info",
            "test_bearer_policy_calls_sansio_methods",
            "test_bearer_policy_context_unmodified_by_default",
            "test_bearer_policy_optionally_enforces_https",
            "test_bearer_policy_preserves_enforce_https_opt_out",
            "test_bearer_policy_redirect_customize_sensitive_headers",
            "test_bearer_policy_redirect_different_domain",
            "test_bearer_policy_redirect_opt_out_clean_up",
            "test_bearer_policy_redirect_same_domain",
            "test_bearer_policy_send",
            "test_bearer_policy_sync_send",
            "test_bearer_policy_token_caching",
            "test_challenge_auth_header_stripped_after_redirect",
            "test_jitter_set_on_token_request_async",
        ),
    },
    {
        "test_authentication": {
            "test_bearer_policy_access_token_info_caching": _CALLS,
        },
        "test_authentication_async": {
            "test_async_token_credential_trio_lock": "a loop of trio's, which doorcode does not run on",
            "test_bearer_policy_access_token_info_caching": _CALLS,
        },
    },
    edits=(
        Edit("test_authentication", 'AccessToken("", 0)', 'AccessToken("t", 0)', "a token that is empty"),
        *(
            Edit(module, old, new, why)
            for module in ("test_authentication", "test_authentication_async")
            for old, new, why in (
                ('claims="foo"', "claims='{\"foo\": {}}'", "claims that are no JSON"),
                ('{"claims": "foo"}', '{"claims": \'{"foo": {}}\'}', "claims that are no JSON"),
                ("._token is expected_token", "._token.token == expected_token.token", "the very object of the mock"),
                ("._token is claims_token", "._token.token == claims_token.token", "the very object of the mock"),
            )
        ),
    ),
)
"""azure-core's tests of its credentials and policies; its other modules know nothing of tokens for users."""
