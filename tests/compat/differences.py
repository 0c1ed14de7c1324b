"""Every intended difference from azure-identity: the one table, which docs/migrating.md shows.

What scripts see of each stands in sightings.py. A test compares it with what they see now, both ways: a difference
without a row fails, and so does a row without its difference.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Row:
    """One difference.

    Args:
        name: its key in sightings.py.
        area: the heading that it stands under.
        theirs: what azure-identity does; empty: nothing of the kind.
        ours: what doorcode does.
        why: the reason.
        reported: public reports of users, as ``owner/repository#number``.
        opt_out: how a program gets closer to azure-identity's way, where there is one.
    """

    name: str
    area: str
    theirs: str
    ours: str
    why: str
    reported: tuple[str, ...] = ()
    opt_out: str = ""


USER: Final = "Asking the user"
BROWSER: Final = "In the browser"
TOKENS: Final = "Tokens"
ERRORS: Final = "Errors"
OPTIONS: Final = "Options and authorities"
OTHERS: Final = "What others see"

ROWS: Final = (
    Row(
        "one-prompt",
        USER,
        theirs="Threads that want a token at the same time each show a code",
        ours="One code is shown, and every thread gets its token",
        why="Only one of those codes can be entered",
        reported=("Azure/azure-kusto-python#208", "Azure/azure-sdk-for-python#47171"),
    ),
    Row(
        "one-sign-in-for-cae",
        USER,
        theirs=(
            "A client that asks with `enable_cae=True` after a sign-in without it (Microsoft Graph's "
            "does) brings a second prompt, and the other way round"
        ),
        ours="One sign-in serves both: the refresh token is shared, the access tokens are not",
        why="It is one grant; refresh tokens are not bound to capabilities",
        reported=("Azure/azure-sdk-for-python#42898", "microsoftgraph/msgraph-sdk-python#1355"),
    ),
    Row(
        "account-in-the-cache",
        USER,
        theirs="A cache is ignored unless the program kept an `AuthenticationRecord` too",
        ours=(
            "The only signed-in account in the cache is used where the prompt appears on this machine (the default "
            "one, one of `doorcode.prompts`, a browser here), or with `use_cached_account=True`; a program with a "
            "prompt of its own asks, as before, and so does `authenticate()`"
        ),
        why=(
            "Users should not have to sign in again because a program kept no record; a server must not give one "
            "visitor's token to another"
        ),
        opt_out="`use_cached_account=False`, or a cache `name` of the program's own",
    ),
    Row(
        "renamed-user",
        USER,
        theirs="An account whose user name changed is asked to sign in again",
        ours="The account is found by its `home_account_id`; the name is for display",
        why="OpenID Connect Core 5.7: a user name does not identify a user",
        reported=("AzureAD/microsoft-authentication-library-for-objc#986",),
    ),
    Row(
        "other-account",
        USER,
        theirs="A credential with a record switches to any other account that signs in, without a word",
        ours=(
            "`get_token` raises `OtherAccountError` and stores nothing of the reply; `authenticate()` "
            "adopts the account that signed in"
        ),
        why="A program must not go on as another user unnoticed",
        opt_out="call `authenticate()` to change the account",
    ),
    Row(
        "wait-before-the-first-poll",
        USER,
        theirs="The first poll is sent at once",
        ours="The first poll is sent after the authority's `interval`",
        why="The user cannot have entered the code yet",
    ),
    Row(
        "polling-goes-on",
        USER,
        theirs=(
            "A few lost connections, 5xx or 429 in a row, or a single page of a proxy or "
            "`temporarily_unavailable`, end the sign-in while polling"
        ),
        ours="Polling goes on, with back-off, until the code expires",
        why="RFC 8628 3.5; the code that the user has just entered would be void",
        reported=("Azure/azure-cli#28305", "Azure/azure-cli#23805"),
    ),
    Row(
        "prompt-reaches-the-user",
        USER,
        theirs=(
            "The message is not flushed, is lost without a standard output, and fails on a terminal "
            "that cannot show one of its characters"
        ),
        ours=(
            "The message is flushed, goes to standard error where there is no standard output, and "
            "characters are replaced"
        ),
        why="The user has to see the code",
        reported=("Azure/azure-sdk-for-python#27543", "Azure/azure-cli#14774"),
    ),
    Row(
        "control-characters",
        USER,
        theirs="Control characters in the service's message reach the terminal",
        ours="They are removed",
        why="An escape sequence could rewrite what the terminal shows",
    ),
    Row(
        "prompt-without-message",
        USER,
        theirs="A device code reply without `message` is an error",
        ours="The text is made of the address and the code",
        why="Only Microsoft's replies have one (RFC 8628 3.2)",
        reported=("int128/kubelogin#846",),
    ),
    Row(
        "timeout-of-zero",
        USER,
        theirs="`timeout=0` shows a code and polls once, or opens a page",
        ours="It times out at once, without asking the user",
        why="A user cannot sign in within 0 seconds",
    ),
    Row(
        "timeout-says-so",
        USER,
        theirs="A `slow_down` at the deadline is reported in place of the time-out",
        ours="The error says that the time was up",
        why="The user was late; the program was not too fast",
    ),
    Row(
        "browser-answer",
        BROWSER,
        theirs=(
            "Whatever asks the port for anything is taken for the answer: another page's request, or a made-up code, "
            "ends the sign-in"
        ),
        ours=(
            "Only the redirect URI's own path and host with the `state` of this sign-in are; anything else is "
            "answered 404, and the wait goes on"
        ),
        why="Every page and every program on the machine can send a request there",
    ),
    Row(
        "browser-both-families",
        BROWSER,
        theirs="For `localhost` it listens on 127.0.0.1 alone",
        ours="It listens on 127.0.0.1 and `::1`, or on neither",
        why="Browsers may try `::1` first, where another program could catch the answer",
    ),
    Row(
        "browser-redirect-path",
        BROWSER,
        theirs="The path of a `redirect_uri` is dropped",
        ours="It is used",
        why="It is what the application's registration says",
    ),
    Row(
        "browser-redirect-elsewhere",
        BROWSER,
        theirs=(
            "A `redirect_uri` that is https, has another host or every address, or a query, is accepted, and another "
            "one is used"
        ),
        ours="`ValueError` in the constructor",
        why="This machine cannot answer there; `0.0.0.0` would answer other machines too",
    ),
    Row(
        "browser-of-the-terminal",
        BROWSER,
        theirs="A browser that draws on the terminal (w3m, lynx, links) is started, and waited for",
        ours="It never is: `CredentialUnavailableError` at once, so that a chain goes on to its next credential",
        why="A user cannot sign in there, and the program's own output is gone",
        reported=("Azure/azure-cli#21112", "Azure/azure-sdk-for-python#33021"),
    ),
    Row(
        "browser-address-shown",
        BROWSER,
        theirs="Nothing is printed",
        ours="Standard error gets the page's address, and until when it is waited for",
        why="If no window appears, the user has to know what the program waits for",
        reported=("Azure/azure-sdk-for-python#8859",),
    ),
    Row(
        "browser-address-opened",
        BROWSER,
        theirs="`webbrowser.open` gets the authority's address, with `state`, `nonce` and challenge in it",
        ours="It gets a local address, which sends a browser of the same user on to the authority",
        why="Other users read it in the process list, and could sign the program in as another user",
    ),
    Row(
        "browser-last-page",
        BROWSER,
        theirs="The browser shows that all went well before the code is redeemed, and after an error",
        ours="The last page comes once the code is redeemed, and says what happened",
        why="A user who reads that all is well does not look for an error",
    ),
    Row(
        "browser-timeout-text",
        BROWSER,
        theirs="The words for a time-out are others than the device code's",
        ours="They are the same",
        why="It is the same event for the user",
    ),
    Row(
        "browser-elsewhere",
        BROWSER,
        theirs="",
        ours=(
            "`doorcode.aio.InteractiveBrowserCredential`; `paste=` for a browser on another machine; "
            "`UserCredential`, which chooses between browser and code"
        ),
        why="Additions: nothing has to be changed for them",
        reported=("Azure/azure-sdk-for-python#19943",),
    ),
    Row(
        "no-request-for-what-is-there",
        TOKENS,
        theirs=(
            "A new process with a valid token in its cache asks the network for metadata first, and fails without one"
        ),
        ours="It makes no request",
        why="The token is there",
    ),
    Row(
        "endpoints-remembered",
        TOKENS,
        theirs="Each process that has to refresh asks the authority for its endpoints first",
        ours=(
            "They are remembered for a day, in a section of the token cache that MSAL looks past; whether an authority "
            "is to be trusted is not"
        ),
        why="One request for a token, not two",
    ),
    Row(
        "valid-token-stays",
        TOKENS,
        theirs="A token that is still valid is not returned once refreshing it has failed",
        ours="It is returned, with a warning, and refreshing is tried again later",
        why="An outage of the authority is no outage of the resource",
    ),
    Row(
        "clock-set-back",
        TOKENS,
        theirs=("A token that was cached under a clock since set back is used for as long as that clock said"),
        ours="It is refreshed",
        why="Its expiry cannot be known any more",
        reported=("AzureAD/microsoft-authentication-library-for-js#3206",),
    ),
    Row(
        "scopes-as-asked",
        TOKENS,
        theirs=(
            "Where the authority spells a granted scope differently, or the program passes several scopes in one text, "
            "each call makes a request"
        ),
        ours=("A token answers the scopes that were asked, as well as those granted; the cache holds it under both"),
        why="RFC 6749 5.1 lets the authority name what it granted",
        reported=(
            "AzureAD/microsoft-authentication-library-for-js#488",
            "AzureAD/microsoft-authentication-library-for-python#125",
        ),
    ),
    Row(
        "claims-in-the-first-request",
        TOKENS,
        theirs="`claims` are not in the device code request",
        ours="They are in every request of the sign-in",
        why="The sign-in page has to enforce them, or the new token is refused like the one before",
        reported=("AzureAD/microsoft-authentication-library-for-python#834",),
    ),
    Row(
        "claims-are-checked",
        TOKENS,
        theirs=("`claims` that are no JSON object show a prompt first and fail then, with `ClientAuthenticationError`"),
        ours="`ValueError`, before any request",
        why="The user would sign in for nothing",
    ),
    Row(
        "scopes-are-checked",
        TOKENS,
        theirs=(
            "A scope that is a list, empty or a letter, and scopes of two resources, are "
            "sent, or fail in MSAL with `ClientAuthenticationError`"
        ),
        ours="`TypeError` or `ValueError`, before any request; the message says what to write",
        why="The user would sign in for nothing",
        reported=("Azure/azure-sdk-for-python#16067", "Azure/azure-sdk-for-python#16688"),
    ),
    Row(
        "reserved-scopes",
        TOKENS,
        theirs="`openid`, `profile` or `offline_access` among the scopes is an error",
        ours="They are accepted: each request has them anyway",
        why="Nothing is wrong with them",
    ),
    Row(
        "lifetimes",
        TOKENS,
        theirs=(
            "A token reply without `expires_in` is a `KeyError` after the sign-in; `refresh_in` as text is an error"
        ),
        ours="Numbers may be text, and what is missing has a default",
        why="RFC 6749 5.1 only recommends `expires_in`; v1 endpoints send text",
    ),
    Row(
        "reply-without-account",
        TOKENS,
        theirs="A token reply without a usable ID token or `client_info` is an error after the sign-in",
        ours="`get_token` returns the token; `authenticate()` alone needs the account",
        why="A sign-in that the user finished is not thrown away",
    ),
    Row(
        "failures-are-forgotten",
        TOKENS,
        theirs="A refresh that failed is answered from MSAL's memory for a minute, without a request",
        ours="Only a refusal is remembered, for Retry-After or 5 s, doubled up to a minute; the error says until when",
        why="A service that is back is used at once, and `authenticate()` tries again at once",
    ),
    Row(
        "odd-rows",
        TOKENS,
        theirs="A row of another tool in the cache, such as one without a user name, fails every call",
        ours="It is passed over, and kept",
        why="The cache is shared",
        reported=("AzureAD/microsoft-authentication-library-for-python#279",),
    ),
    Row(
        "family-tokens",
        TOKENS,
        theirs="Another application's refresh token of the same family is redeemed silently",
        ours="Only the application's own tokens are used",
        why="Someone signed in to that application, and not to this one",
    ),
    Row(
        "close-is-no-end",
        TOKENS,
        theirs="After `close()` or a `with` block the credential cannot make another request",
        ours="A later call opens a new transport; one given as `transport=` stays closed",
        why="Microsoft Graph's client closes its credential after every token",
    ),
    Row(
        "finer-errors",
        ERRORS,
        theirs="`ClientAuthenticationError` for every end of a sign-in",
        ours="Subclasses of it in `doorcode.errors` tell the ends apart",
        why="A program can act on what happened without reading text",
    ),
    Row(
        "error-has-its-reply",
        ERRORS,
        theirs="An error before the prompt has no `.response`, and an unknown tenant's words are lost",
        ours="Every error of the service has its words and its `.response`",
        why="The words say what to change",
    ),
    Row(
        "error-text",
        ERRORS,
        theirs="The text of an error ends with the reply's body",
        ours="The text is a sentence or two, with the next step; the body is in `.response`",
        why="The body does not belong in a log",
    ),
    Row(
        "error-code",
        ERRORS,
        theirs="`.error` is azure-core's reading of the reply, which finds nothing: None",
        ours=(
            "`.error` is the OAuth code, beside `error_description`, `error_codes`, `suberror`, "
            "`trace_id`, `correlation_id` and `timestamp`"
        ),
        why="azure-core reads OData errors, which an authority does not send",
    ),
    Row(
        "unknown-authority",
        ERRORS,
        theirs="`ClientAuthenticationError`",
        ours="`UnknownAuthorityError`, which is that and a `ValueError`",
        why="It is what azure-identity's `ValueError` inside meant",
    ),
    Row(
        "storage-error",
        ERRORS,
        theirs="`get_token` raises `ClientAuthenticationError` where nothing can encrypt the cache",
        ours=(
            "`CacheUnavailableError`, which is that, a `CredentialUnavailableError` at which a chain goes on, and a "
            "`ValueError`; it names each store and why it failed"
        ),
        why="It is what azure-identity's `ValueError` inside meant",
    ),
    Row(
        "record-errors",
        ERRORS,
        theirs=(
            "A text that is no record is a `KeyError` or an `AttributeError`, or becomes a record that fails later"
        ),
        ours="`ValueError` that says what is wrong",
        why="One exception to catch",
    ),
    Row(
        "provider-without-scopes",
        ERRORS,
        theirs=(
            "`get_bearer_token_provider` without a scope, with an empty one, with a list or with a class in place of a "
            "credential fails when the token is wanted"
        ),
        ours="It fails at once",
        why="The earliest moment is the clearest",
    ),
    Row(
        "provider-of-a-credential-that-blocks",
        TOKENS,
        theirs="`aio.get_bearer_token_provider` of a credential that is not for asyncio blocks the event loop",
        ours="The credential is asked in a thread of its own",
        why="A sign-in takes minutes",
    ),
    Row(
        "misspelt-options",
        OPTIONS,
        theirs="An option that is misspelt, or named as in another language's library, is silently ignored",
        ours="`TypeError` that names the right one; an unknown name is a warning",
        why="Otherwise there is no cache, and no hint why",
        reported=("Azure/azure-sdk-for-python#37576",),
    ),
    Row(
        "options-are-checked",
        OPTIONS,
        theirs=(
            "A wrong `timeout`, `prompt_callback`, `authority`, `transport`, `policies`, `connection_verify`, record "
            'or cache option fails late, or never, and a switch takes anything: `"false"` turns it on'
        ),
        ours="`TypeError` or `ValueError` in the constructor",
        why="The earliest moment is the clearest",
    ),
    Row(
        "cache-name",
        OPTIONS,
        theirs="A cache `name` may lead out of the cache's directory",
        ours="`ValueError`",
        why="A name is no path",
        reported=("Azure/azure-sdk-for-python#37576",),
    ),
    Row(
        "more-options",
        OPTIONS,
        theirs="",
        ours=(
            "`force_prompt`, `max_codes`, `encryption_key` and `path`; `accounts`, `begin`, `cancel`, "
            "`resume` and `sign_out`"
        ),
        why="Additions: nothing has to be changed for them",
    ),
    Row(
        "authority-with-port",
        OPTIONS,
        theirs="`localhost:8443` is refused, though records hold such names",
        ours="A host with a port is an authority, and a record with one can be used",
        why="The program that wrote a record has to be able to read it",
    ),
    Row(
        "authority-empty",
        OPTIONS,
        theirs="An empty `AZURE_AUTHORITY_HOST` is an authority without a name",
        ours="It counts as not set",
        why="That is what an empty variable means in a container",
    ),
    Row(
        "authority-with-tenant",
        OPTIONS,
        theirs="A tenant in the authority's path comes to stand twice in the address",
        ours="It is the credential's tenant, unless `tenant_id` names another: `ValueError`",
        why="That is how portals show an authority",
        reported=("Azure/azure-sdk-for-net#52613",),
    ),
    Row(
        "authority-with-record",
        OPTIONS,
        theirs="`authority` together with a record is a `TypeError`",
        ours="`authority` wins; two different clouds are a `ValueError`",
        why="A custom domain of the same cloud is a reason to give both",
    ),
    Row(
        "client-of-a-record",
        OPTIONS,
        theirs="A `client_id` other than the record's is silently ignored",
        ours="It is ignored with a warning",
        why="The program means one of the two",
    ),
    Row(
        "tenant-in-capitals",
        OPTIONS,
        theirs="The credential's own tenant, or an allowed one, in another case is refused",
        ours="Case does not matter",
        why="Neither GUIDs nor domains have one",
    ),
    Row(
        "tenant-of-a-request",
        OPTIONS,
        theirs="A `tenant_id` of `get_token` with illegal characters becomes part of the address",
        ours="`ValueError`, before any request",
        why="The constructor refuses it too",
    ),
    Row(
        "record-authority",
        OPTIONS,
        theirs="A record's authority is the host of the ID token's issuer",
        ours="It is the host that was signed in at",
        why=("The issuer is another host with custom domains, CIAM and v1 tokens, and the record leads there"),
    ),
    Row(
        "policies",
        OPTIONS,
        theirs="`policies=` without a `ContentDecodePolicy` fails",
        ours="It works",
        why="Replies are read by the library",
    ),
    Row(
        "encrypted-by-the-kernel",
        OPTIONS,
        theirs="On Linux without a desktop a cache is plain text, or an error",
        ours="It is sealed with a key in the kernel's keyring, unless a plain file is there and allowed",
        why="SSH, containers and login nodes have no desktop",
        reported=("AzureAD/microsoft-authentication-extensions-for-python#44",),
        opt_out="a plain file that is there already, with `allow_unencrypted_storage=True`, stays in use",
    ),
    Row(
        "logger",
        OTHERS,
        theirs="Credentials log under `azure.identity`",
        ours="They log under `doorcode`",
        why="It is another library",
    ),
    Row(
        "authenticate-in-the-log",
        OTHERS,
        theirs="`authenticate` logs as `get_token`",
        ours="It logs as `authenticate`",
        why="It is what the program called",
    ),
    Row(
        "tenant-in-the-log",
        OTHERS,
        theirs="A request for another tenant is a line at INFO",
        ours="It is not",
        why="The request names the tenant itself",
    ),
    Row(
        "plain-text-in-the-log",
        OTHERS,
        theirs="A cache in plain text is used without a word",
        ours="One warning names the file and why nothing encrypts it",
        why="The user of the program should know",
    ),
    Row(
        "no-secret-in-the-log",
        OTHERS,
        theirs="With DEBUG and `logging_enable=True`, tokens and device codes are logged",
        ours="No log record of any library holds one",
        why="Logs are kept, sent around and read",
    ),
    Row(
        "no-secret-in-repr",
        OTHERS,
        theirs="The `repr` of a token is the token",
        ours="It is not: `[secret]` stands in its place",
        why="A `repr` ends up in tracebacks and notebooks",
    ),
    Row(
        "thread-of-a-request",
        OTHERS,
        theirs=(
            "Policies, transports, hooks, the handlers of their log records and `webbrowser.open` are called in the "
            "caller's thread"
        ),
        ours=(
            "They are called in other threads, without the caller's `threading.local` values; all but "
            "`webbrowser.open` have the caller's context variables. `prompt_callback` is called in the caller's thread"
        ),
        why="`cancel()`, Ctrl-C and a time limit can end a request that hangs",
    ),
    Row(
        "user-agent",
        OTHERS,
        theirs="`azsdk-python-identity/VERSION`",
        ours="`azsdk-python-doorcode/VERSION`",
        why="It is another library",
    ),
)
