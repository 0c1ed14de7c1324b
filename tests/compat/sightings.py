"""Where scripts see each difference of the table: row -> script -> fact -> (azure-identity's, doorcode's).

A fact is the outcome of a step, one thing about a step (``step.what``), or a note of the script's own. None: nothing.
"""

from __future__ import annotations

from typing import Final, TypeAlias

Seen: TypeAlias = dict[str, dict[str, tuple[object, object]]]

SIGHTINGS: Final[dict[str, Seen]] = {
    "one-prompt": {
        "threads_on_a_cold_credential": {
            "prompts": ("several", "one"),
        },
    },
    "one-sign-in-for-cae": {
        "cae_after_a_sign_in_without": {
            "cae": ("succeeds, prompts: 1, requests: 3", "succeeds, prompts: 0, requests: 1"),
        },
        "cae_before_a_request_without": {
            "without": ("succeeds, prompts: 1, requests: 3", "succeeds, prompts: 0, requests: 1"),
        },
        "persistence_between_processes": {
            "cae": ("succeeds, prompts: 1, requests: 3", "succeeds, prompts: 0, requests: 1"),
        },
    },
    "account-in-the-cache": {
        "cache_given_and_the_default_prompt": {
            "get_token": (1, 0),
        },
    },
    "renamed-user": {
        "record_of_a_renamed_user": {
            "renamed": ("succeeds, prompts: 1, requests: 3", "succeeds, prompts: 0, requests: 0"),
        },
    },
    "other-account": {
        "somebody_else_signs_in": {
            "authenticate": ("succeeds, prompts: 0, requests: 0", "succeeds, prompts: 1, requests: 2"),
            "get": ("succeeds, prompts: 1, requests: 3", "ClientAuthenticationError, prompts: 1, requests: 3"),
        },
    },
    "wait-before-the-first-poll": {
        "first_poll": {
            "after_the_interval": ("no", "yes"),
        },
    },
    "polling-goes-on": {
        "polling_over_trouble": {
            "busy": ("ClientAuthenticationError, prompts: 1, requests: 3", "succeeds, prompts: 1, requests: 4"),
            "garbage": ("ClientAuthenticationError, prompts: 1, requests: 3", "succeeds, prompts: 1, requests: 4"),
            "page": ("ClientAuthenticationError, prompts: 1, requests: 3", "succeeds, prompts: 1, requests: 4"),
            "reset": ("ClientAuthenticationError, prompts: 1, requests: 3", "succeeds, prompts: 1, requests: 4"),
            "unavailable": ("ClientAuthenticationError, prompts: 1, requests: 3", "succeeds, prompts: 1, requests: 4"),
        },
    },
    "prompt-reaches-the-user": {
        "prompt_flushed": {
            "flushed": ("no", "yes"),
        },
        "prompt_without_stdout": {
            "on_stderr": ("no", "yes"),
        },
        "prompt_in_ascii": {
            "raised": ("ClientAuthenticationError", None),
            "token": ("no", "yes"),
        },
    },
    "control-characters": {
        "prompt_with_control_characters": {
            "get.stdout": (
                "\x1b[31mGo to https://127.0.0.1:PORT/devicelogin, enter the code CODE\n",
                "[31mGo to https://127.0.0.1:PORT/devicelogin, enter the code CODE\n",
            ),
        },
    },
    "prompt-without-message": {
        "prompt_without_message": {
            "get": ("ClientAuthenticationError, prompts: 0, requests: 2", "succeeds, prompts: 0, requests: 3"),
        },
    },
    "timeout-of-zero": {
        "timed_out_at_once": {
            "get": (
                "ClientAuthenticationError, prompts: 1, requests: 0",
                "ClientAuthenticationError, prompts: 0, requests: 0",
            ),
            "polled": ("yes", "no"),
        },
        "browser_timed_out_at_once": {
            "opened": ("yes", "no"),
        },
    },
    "timeout-says-so": {
        "slowed_down": {
            "get.says": (None, ("Timed out waiting for user to authenticate",)),
        },
    },
    "browser-answer": {
        "browser_strange_requests": {
            "another_page": ("ClientAuthenticationError, prompts: 0, requests: 2", "succeeds, prompts: 0, requests: 3"),
            "made_up": ("ClientAuthenticationError, prompts: 0, requests: 2", "succeeds, prompts: 0, requests: 3"),
        },
    },
    "browser-both-families": {
        "browser_address_families": {
            "free_for_others": (("yes",), ("no",)),
        },
    },
    "browser-redirect-path": {
        "browser_redirect_uris": {
            "used_for_path": ("http://localhost:PORT", "http://localhost:PORT/signed-in"),
        },
    },
    "browser-redirect-elsewhere": {
        "browser_redirect_uris_elsewhere": {
            "everywhere": ("succeeds, prompts: 0, requests: 0", "ValueError, prompts: 0, requests: 0"),
            "host": ("succeeds, prompts: 0, requests: 0", "ValueError, prompts: 0, requests: 0"),
            "https": ("succeeds, prompts: 0, requests: 0", "ValueError, prompts: 0, requests: 0"),
            "query": ("succeeds, prompts: 0, requests: 0", "ValueError, prompts: 0, requests: 0"),
        },
    },
    "browser-of-the-terminal": {
        "browser_of_the_terminal": {
            "get.raised": ("ClientAuthenticationError", "CredentialUnavailableError"),
            "started": ("yes", "no"),
        },
    },
    "browser-address-shown": {
        "browser_address_shown": {
            "on_stderr": ("no", "yes"),
        },
    },
    "browser-address-opened": {
        "browser_address_opened": {
            "state": ("yes", "no"),
        },
    },
    "browser-last-page": {
        "browser_last_page": {
            "after_refusal": ((200, "no"), (400, "yes")),
        },
    },
    "browser-timeout-text": {
        "browser_timed_out": {
            "get.says": (("Timed out",), ("Timed out", "Timed out waiting for user to authenticate")),
        },
    },
    "browser-elsewhere": {
        "browser_elsewhere": {
            "aio": ("no", "yes"),
            "choice": ("no", "yes"),
            "paste": ("no", "yes"),
        },
    },
    "no-request-for-what-is-there": {
        "cache_given_and_nobody_listens": {
            "offline": ("ClientAuthenticationError, prompts: 0, requests: 0", "succeeds, prompts: 0, requests: 0"),
            "online.requests": (("discovery CONTOSO 200",), None),
        },
        "record_of_the_other_library": {
            "as_text.requests": (("discovery CONTOSO 200",), None),
        },
        "record_of_a_renamed_user": {
            "stranger.requests": (("discovery CONTOSO 200",), None),
        },
        "subclass_asks_otherwise": {
            "info.requests": (("discovery CONTOSO 200",), None),
        },
        "persistence_between_processes": {
            "with_record.requests": (("discovery CONTOSO 200",), None),
        },
        "persistence_of_the_other_library": {
            "cached.requests": (("discovery CONTOSO 200",), None),
        },
        "persistence_pickled": {
            "get.requests": (("discovery CONTOSO 200",), None),
        },
    },
    "endpoints-remembered": {
        "persistence_between_processes": {
            "without_record.requests": (
                ("discovery CONTOSO 200", "devicecode CONTOSO 200", "token:device_code CONTOSO 200"),
                ("devicecode CONTOSO 200", "token:device_code CONTOSO 200"),
            ),
        },
        "persistence_options_of_the_other_library": {
            "sections": (
                ("AccessToken", "Account", "AppMetadata", "IdToken", "RefreshToken"),
                ("AccessToken", "Account", "AppMetadata", "DoorcodeMetadata", "IdToken", "RefreshToken"),
            ),
        },
    },
    "valid-token-stays": {
        "refresh_ahead_of_time_fails": {
            "get": ("ClientAuthenticationError, prompts: 0, requests: 1", "succeeds, prompts: 0, requests: 1"),
        },
        "expires_soon": {
            "down": ("ClientAuthenticationError, prompts: 0, requests: 1", "succeeds, prompts: 0, requests: 1"),
        },
    },
    "clock-set-back": {
        "clock_set_back": {
            "get.form token:refresh_token": (
                None,
                (
                    (
                        "client_id=CLI&grant_type=refresh_token&refresh_token=...&scope=https://storage.azure.com/."
                        "default +oidc"
                    ),
                ),
            ),
            "get.requests": (None, ("token:refresh_token CONTOSO 200",)),
            "get.returned": (
                "AccessToken(token 1 for https://storage.azure.com in CONTOSO, in 1500 min)",
                "AccessToken(token 1 for https://storage.azure.com in CONTOSO, in 60 min)",
            ),
        },
    },
    "scopes-as-asked": {
        "scopes_granted_in_another_spelling": {
            "second.form token:refresh_token": (
                (
                    (
                        "client_id=CLI&grant_type=refresh_token&refresh_token=...&scope=offline_access openid "
                        "profile user.read"
                    ),
                ),
                None,
            ),
            "second.requests": (("token:refresh_token CONTOSO 200",), None),
            "second.returned": (
                "AccessToken(token 2 for https://graph.microsoft.com in CONTOSO, in 60 min)",
                "AccessToken(token 1 for https://graph.microsoft.com in CONTOSO, in 60 min)",
            ),
        },
        "scopes_in_one_text": {
            "second.form token:refresh_token": (
                ("client_id=CLI&grant_type=refresh_token&refresh_token=...&scope=Mail.Read User.Read +oidc",),
                None,
            ),
            "second.requests": (("token:refresh_token CONTOSO 200",), None),
            "second.returned": (
                "AccessToken(token 2 for https://graph.microsoft.com in CONTOSO, in 60 min)",
                "AccessToken(token 1 for https://graph.microsoft.com in CONTOSO, in 60 min)",
            ),
        },
        "cache_given": {
            "targets": (
                ("https://storage.azure.com/.default https://storage.azure.com/user_impersonation",),
                (
                    "https://storage.azure.com/.default",
                    "https://storage.azure.com/.default https://storage.azure.com/user_impersonation",
                ),
            ),
        },
    },
    "claims-in-the-first-request": {
        "claims_of_a_resource": {
            "cold.form devicecode": (
                ("client_id=CLI&scope=https://storage.azure.com/.default +oidc",),
                (
                    (
                        'claims={"access_token": {"acrs": {"essential": true, "value": '
                        '"c1"}}}&client_id=CLI&scope=https://storage.azure.com/.default +oidc'
                    ),
                ),
            ),
        },
    },
    "claims-are-checked": {
        "claims_that_are_wrong": {
            "list": ("ClientAuthenticationError, prompts: 1, requests: 3", "ValueError, prompts: 0, requests: 0"),
            "text": ("ClientAuthenticationError, prompts: 1, requests: 3", "ValueError, prompts: 0, requests: 0"),
            "text_cae": ("ClientAuthenticationError, prompts: 1, requests: 2", "ValueError, prompts: 0, requests: 0"),
        },
    },
    "scopes-are-checked": {
        "scopes_that_are_wrong": {
            "empty": ("succeeds, prompts: 1, requests: 3", "ValueError, prompts: 0, requests: 0"),
            "letters": ("succeeds, prompts: 1, requests: 3", "ValueError, prompts: 0, requests: 0"),
            "list.raised": ("ClientAuthenticationError", "TypeError"),
            "list.requests": (("discovery CONTOSO 200",), None),
            "spaces.form devicecode": (
                (("client_id=CLI&scope=https://storage.azure.com/.default https://vault.azure.net/.default +oidc"),),
                None,
            ),
            "spaces.raised": ("ClientAuthenticationError", "ValueError"),
            "spaces.requests": (
                (
                    "discovery CONTOSO 200",
                    "devicecode CONTOSO 400",
                ),
                None,
            ),
            "two_resources.form devicecode": (
                (("client_id=CLI&scope=https://storage.azure.com/.default https://vault.azure.net/.default +oidc"),),
                None,
            ),
            "two_resources.raised": ("ClientAuthenticationError", "ValueError"),
            "two_resources.requests": (
                (
                    "discovery CONTOSO 200",
                    "devicecode CONTOSO 400",
                ),
                None,
            ),
        },
    },
    "reserved-scopes": {
        "scopes_that_openid_reserves": {
            "get": ("ClientAuthenticationError, prompts: 0, requests: 1", "succeeds, prompts: 1, requests: 3"),
        },
    },
    "lifetimes": {
        "reply_without_lifetime": {
            "get": ("KeyError, prompts: 1, requests: 3", "succeeds, prompts: 1, requests: 3"),
            "token": ("no", "yes"),
        },
        "reply_with_lifetimes_as_text": {
            "get": ("ClientAuthenticationError, prompts: 1, requests: 3", "succeeds, prompts: 1, requests: 3"),
        },
    },
    "reply-without-account": {
        "reply_without_account": {
            "get": ("ClientAuthenticationError, prompts: 1, requests: 3", "succeeds, prompts: 1, requests: 3"),
        },
    },
    "failures-are-forgotten": {
        "failures_are_forgotten": {
            "second": ("ClientAuthenticationError, prompts: 0, requests: 0", "succeeds, prompts: 0, requests: 1"),
        },
    },
    "odd-rows": {
        "cache_given_with_an_odd_row": {
            "get": ("ClientAuthenticationError, prompts: 0, requests: 1", "succeeds, prompts: 0, requests: 0"),
        },
    },
    "family-tokens": {
        "cache_with_a_family_token": {
            "get": ("succeeds, prompts: 0, requests: 2", "AuthenticationRequiredError, prompts: 0, requests: 0"),
        },
    },
    "close-is-no-end": {
        "closed_then_used": {
            "refreshed": ("ClientAuthenticationError, prompts: 0, requests: 0", "succeeds, prompts: 0, requests: 1"),
        },
        "context_manager": {
            "again": ("ValueError, prompts: 0, requests: 0", "succeeds, prompts: 0, requests: 1"),
        },
    },
    "finer-errors": {
        "errors_by_name": {
            "declined": ("", "SignInDeclinedError"),
            "expired": ("", "CodeExpiredError"),
            "offline": ("", "AuthorityUnreachableError"),
            "refused": ("", "AuthenticationFailedError"),
        },
    },
    "error-has-its-reply": {
        "refused_before_the_prompt": {
            "get.response": (None, "401 invalid_client"),
            "get.status": (None, 401),
            "reply": ("no", "yes"),
        },
        "unknown_tenant": {
            "get.response": (None, "400 invalid_tenant"),
            "get.says": (None, ("AADSTS90002",)),
            "get.status": (None, 400),
        },
        "authority_nobody_knows": {
            "get.response": (None, "400 invalid_instance"),
            "get.status": (None, 400),
        },
    },
    "error-text": {
        "refused_after_the_prompt": {
            "body_in_text": ("yes", "no"),
        },
    },
    "error-code": {
        "refused_after_the_prompt": {
            "error": ("NoneType", "str"),
        },
        "public_names": {
            "AuthenticationRequiredError more": ("no", "yes"),
        },
    },
    "unknown-authority": {
        "authority_nobody_knows": {
            "get.raised": ("ClientAuthenticationError", "ClientAuthenticationError, ValueError"),
        },
    },
    "storage-error": {
        "persistence_unusable": {
            "get.raised": ("ClientAuthenticationError", "CredentialUnavailableError, ValueError"),
        },
    },
    "record-errors": {
        "record_that_is_wrong": {
            "key.raised": ("KeyError", "ValueError"),
            "list.raised": ("AttributeError", "ValueError"),
            "number": ("succeeds, prompts: 0, requests: 0", "ValueError, prompts: 0, requests: 0"),
        },
    },
    "provider-without-scopes": {
        "bearer_token_provider_without_scopes": {
            "make": ("succeeds, prompts: 0, requests: 0", "ValueError, prompts: 0, requests: 0"),
            "make_and_call.log": (("WARNING DeviceCodeCredential.get_token_info failed:",), None),
        },
    },
    "provider-of-a-credential-that-blocks": {
        "bearer_token_provider_of_a_credential_that_blocks": {
            "in_the_loops_thread": ("yes", "no"),
        },
    },
    "misspelt-options": {
        "wrong_options": {
            "another_languages_name": ("succeeds, prompts: 0, requests: 0", "TypeError, prompts: 0, requests: 0"),
            "misspelt": ("succeeds, prompts: 0, requests: 0", "TypeError, prompts: 0, requests: 0"),
            "unknown.warned": (None, ("UserWarning",)),
        },
        "options_of_persistence": {
            "misspelt": ("succeeds, prompts: 0, requests: 0", "TypeError, prompts: 0, requests: 0"),
        },
    },
    "options-are-checked": {
        "wrong_options": {
            "authority_query": ("succeeds, prompts: 0, requests: 0", "ValueError, prompts: 0, requests: 0"),
            "callback_number": ("succeeds, prompts: 0, requests: 0", "TypeError, prompts: 0, requests: 0"),
            "persistence_text": ("succeeds, prompts: 0, requests: 0", "TypeError, prompts: 0, requests: 0"),
            "record_text.raised": ("AttributeError", "TypeError"),
            "switch_text": ("succeeds, prompts: 0, requests: 0", "TypeError, prompts: 0, requests: 0"),
            "timeout_nan": ("succeeds, prompts: 0, requests: 0", "ValueError, prompts: 0, requests: 0"),
            "timeout_negative": ("succeeds, prompts: 0, requests: 0", "ValueError, prompts: 0, requests: 0"),
            "timeout_text": ("succeeds, prompts: 0, requests: 0", "TypeError, prompts: 0, requests: 0"),
            "transport_asynchronous": ("succeeds, prompts: 0, requests: 0", "TypeError, prompts: 0, requests: 0"),
        },
    },
    "cache-name": {
        "options_of_persistence": {
            "path": ("succeeds, prompts: 0, requests: 0", "ValueError, prompts: 0, requests: 0"),
        },
    },
    "more-options": {
        "signatures": {
            "more": ("no", "yes"),
        },
        "public_names": {
            "DeviceCodeCredential more": ("no", "yes"),
        },
    },
    "authority-with-port": {
        "authority_as_host_and_port": {
            "construct": ("ValueError, prompts: 0, requests: 0", "succeeds, prompts: 0, requests: 0"),
            "reused": (None, "yes"),
            "sign_in": ("succeeds, prompts: 0, requests: 0", "succeeds, prompts: 1, requests: 3"),
        },
    },
    "authority-empty": {
        "authority_from_an_empty_environment": {
            "asked": ((), ("https://login.microsoftonline.com/organizations/v2.0/.well-known/openid-configuration",)),
            "get": ("ClientAuthenticationError, prompts: 0, requests: 0", "succeeds, prompts: 1, requests: 3"),
        },
    },
    "authority-with-tenant": {
        "authority_with_its_tenant": {
            "get": ("ClientAuthenticationError, prompts: 0, requests: 1", "succeeds, prompts: 1, requests: 3"),
        },
    },
    "authority-with-record": {
        "authority_and_record": {
            "other_cloud.raised": ("TypeError", "ValueError"),
            "same": ("TypeError, prompts: 0, requests: 0", "succeeds, prompts: 0, requests: 0"),
        },
    },
    "client-of-a-record": {
        "client_and_tenant_of_a_record": {
            "construct.warned": (None, ("UserWarning",)),
        },
    },
    "tenant-in-capitals": {
        "tenant_written_in_capitals": {
            "listed": ("ClientAuthenticationError, prompts: 0, requests: 0", "succeeds, prompts: 1, requests: 3"),
            "own": ("ClientAuthenticationError, prompts: 0, requests: 0", "succeeds, prompts: 1, requests: 3"),
        },
    },
    "tenant-of-a-request": {
        "tenant_with_illegal_characters": {
            "get.raised": ("ClientAuthenticationError", "ValueError"),
            "get.requests": (("other a 404",), None),
        },
    },
    "record-authority": {
        "constructor_defaults": {
            "authority": ("127.0.0.1:PORT", "login.microsoftonline.com"),
        },
    },
    "policies": {
        "policies_given": {
            "policies": ("ClientAuthenticationError, prompts: 0, requests: 1", "succeeds, prompts: 1, requests: 3"),
            "seen": (
                (
                    "GET",
                    "POST",
                ),
                (
                    "GET",
                    "POST",
                    "POST",
                ),
            ),
        },
    },
    "encrypted-by-the-kernel": {
        "persistence_in_a_new_home": {
            "readable": ("yes", "no"),
        },
    },
    "logger": {
        "loggers": {
            "under": (("azure.identity",), ("doorcode",)),
        },
    },
    "authenticate-in-the-log": {
        "authenticate_without_scopes": {
            "elsewhere.log": (None, ("WARNING DeviceCodeCredential.get_token failed:",)),
        },
        "line_of_authenticate": {
            "lines": (("DeviceCodeCredential.get_token succeeded",), ("DeviceCodeCredential.authenticate succeeded",)),
        },
    },
    "tenant-in-the-log": {
        "tenant_allowed": {
            "any.remarks": (("INFO A token was requested for",), None),
            "named.remarks": (("INFO A token was requested for",), None),
            "named_again.remarks": (("INFO A token was requested for",), None),
        },
        "tenant_at_adfs": {
            "get.remarks": (("INFO A token was request for",), None),
        },
        "tenant_switched_off": {
            "get.remarks": (("INFO A token was request for",), None),
        },
        "tenant_with_illegal_characters": {
            "get.remarks": (("INFO A token was requested for",), None),
        },
    },
    "plain-text-in-the-log": {
        "persistence_between_processes": {
            "with_record.remarks": (None, ("WARNING DeviceCodeCredential: sign-ins are kept without",)),
            "without_record.remarks": (None, ("WARNING DeviceCodeCredential: sign-ins are kept without",)),
        },
        "persistence_of_the_other_library": {
            "cached.remarks": (None, ("WARNING DeviceCodeCredential: sign-ins are kept without",)),
            "refreshed.remarks": (None, ("WARNING DeviceCodeCredential: sign-ins are kept without",)),
        },
        "persistence_options_of_the_other_library": {
            "get.remarks": (None, ("WARNING DeviceCodeCredential: sign-ins are kept without",)),
        },
        "persistence_pickled": {
            "get.remarks": (None, ("WARNING DeviceCodeCredential: sign-ins are kept without",)),
        },
    },
    "no-secret-in-the-log": {
        "nothing_secret_is_logged": {
            "access_token": ("yes", "no"),
            "device_code": ("yes", "no"),
        },
    },
    "no-secret-in-repr": {
        "token_shown": {
            "in_repr": ("yes", "no"),
            "info_in_repr": ("yes", "no"),
        },
    },
    "thread-of-a-request": {
        "policy_that_looks_around": {"in_the_callers_thread": (("yes",), ("no",))},
    },
    "user-agent": {
        "headers_on_the_wire": {
            "user-agent": (
                ("azsdk-python-identity/VERSION Python/VERSION (PLATFORM)",),
                ("azsdk-python-doorcode/VERSION Python/VERSION (PLATFORM)",),
            ),
        },
    },
}
