"""The options that every credential takes besides its own, as editors and type checkers see them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol, TypedDict

from doorcode._record import AuthenticationRecord
from doorcode.cache._options import TokenCachePersistenceOptions


class RecordFields(Protocol):
    """An AuthenticationRecord: this library's or azure-identity's."""

    @property
    def tenant_id(self) -> str: ...
    @property
    def client_id(self) -> str: ...
    @property
    def authority(self) -> str: ...
    @property
    def home_account_id(self) -> str: ...
    @property
    def username(self) -> str: ...


class CacheFields(Protocol):
    """TokenCachePersistenceOptions: this library's or azure-identity's."""

    name: str
    allow_unencrypted_storage: bool


class PipelineOptions(TypedDict, total=False):
    """What an azure-core pipeline takes: the HTTP transport, proxies, certificates, time limits, retries and logging.

    Where nothing is said about a default, it is azure-core's.

    Attributes:
        transport: an azure-core ``HttpTransport`` that the credential enters and closes.
        proxies: proxy addresses by scheme, such as ``{"https": "http://proxy:8080"}``; by default the environment's.
        connection_verify: True (the default), or the path of a file with the certificate authorities to trust; False
            trusts any certificate, and so anyone.
        connection_cert: the path of a client certificate, or a tuple of certificate and key.
        connection_timeout: seconds to wait for a connection; 10 by default.
        read_timeout: seconds to wait for data; by default 10, and 60 where a code or a refresh token is redeemed.
        connection_data_block_size: bytes of a block of a streamed reply.
        use_env_settings: whether the environment's proxies and certificates are used (``HTTPS_PROXY``,
            ``REQUESTS_CA_BUNDLE``); True by default.
        retry_total: how many times a request is repeated at most; 10 by default.
        retry_connect: how many times after a connection failed.
        retry_read: how many times after a reply broke off.
        retry_status: how many times after a status that is worth another try.
        retry_backoff_factor: seconds before the first repetition.
        retry_backoff_max: seconds before a repetition at most.
        retry_mode: ``"exponential"`` or ``"fixed"``.
        retry_on_status_codes: further HTTP statuses that are worth another try.
        retry_on_methods: HTTP methods that may be repeated.
        retry_policy_class: a class to use in place of azure-core's ``RetryPolicy``.
        permit_redirects: whether redirects are followed.
        redirect_max: how many of them at most.
        redirect_on_status_codes: further HTTP statuses that are redirects.
        redirect_remove_headers: headers that a redirected request leaves out.
        policies: the whole list of policies, in place of azure-core's own.
        per_call_policies: policies that run once for a request.
        per_retry_policies: policies that run for each try of a request.
        headers: headers of each request.
        base_headers: headers of each request, which ``headers`` may replace.
        user_agent: text that stands in front of the User-Agent.
        user_agent_overwrite: whether ``user_agent`` replaces it.
        user_agent_use_env: whether ``AZURE_HTTP_USER_AGENT`` is added to it.
        sdk_moniker: the name and version in the User-Agent.
        request_id: the ``x-ms-client-request-id`` of each request.
        request_id_header_name: another name for that header.
        auto_request_id: whether requests get such an ID.
        logging_enable: whether requests are logged at DEBUG; bodies never are.
        http_logging_level: the level at which requests are logged.
        logger: the logger to use for that.
        additional_allowed_query_params: parameters of addresses that are logged and traced with their values.
        raw_request_hook: called with each request before it is sent.
        raw_response_hook: called with each reply.
        network_span_namer: names the tracing span of a request.
        tracing_attributes: attributes of tracing spans.
        instrumentation_config: the name and version of the program that traces.
        polling_interval: seconds; of no use here.
        session: a ``requests.Session`` for azure-core's transport.
        session_owner: whether the transport closes that session.
    """

    transport: Any
    proxies: Mapping[str, str] | None
    connection_verify: bool | str
    connection_cert: str | tuple[str, str] | None
    connection_timeout: float
    read_timeout: float
    connection_data_block_size: int
    use_env_settings: bool
    retry_total: int
    retry_connect: int
    retry_read: int
    retry_status: int
    retry_backoff_factor: float
    retry_backoff_max: float
    retry_mode: Any
    retry_on_status_codes: Iterable[int]
    retry_on_methods: Iterable[str]
    retry_policy_class: Any
    permit_redirects: bool
    redirect_max: int
    redirect_on_status_codes: Iterable[int]
    redirect_remove_headers: Iterable[str]
    policies: Any
    per_call_policies: Any
    per_retry_policies: Any
    _per_retry_policies: Any
    headers: Mapping[str, str] | None
    base_headers: Mapping[str, str] | None
    user_agent: str | None
    user_agent_overwrite: bool
    user_agent_use_env: bool
    sdk_moniker: str
    request_id: Any
    request_id_header_name: str
    auto_request_id: bool
    logging_enable: bool
    http_logging_level: int
    logger: Any
    additional_allowed_query_params: Iterable[str] | None
    raw_request_hook: Any
    raw_response_hook: Any
    network_span_namer: Any
    tracing_attributes: Mapping[str, Any]
    instrumentation_config: Mapping[str, Any] | None
    polling_interval: float
    session: Any
    session_owner: bool


class InteractiveCredentialOptions(PipelineOptions, total=False):
    """The options of every credential. An empty text counts as not given: ``os.environ.get(name, "")`` passes one.

    Attributes:
        authority: where users sign in: a host of ``AzureAuthorityHosts``, ``host:port`` or an https URL. By default
            the environment variable ``AZURE_AUTHORITY_HOST``, else Azure's public cloud.
        tenant_id: the tenant that users sign in to, an ID or a domain; by default ``"organizations"``, so any
            work account.
        additionally_allowed_tenants: further tenants that ``get_token(tenant_id=...)`` may name; ``["*"]`` for any.
        authentication_record: the account, as an earlier ``authenticate`` returned it. It also names the application,
            and the tenant and the authority if those are not given.
        username: the sign-in name of the account; another account's token is never returned.
        use_cached_account: whether the only account in the cache is used without a record; by default where the prompt
            appears on this machine.
        cache_persistence_options: where tokens are kept beyond this process; by default only in memory.
        disable_automatic_authentication: whether get_token raises AuthenticationRequiredError instead of prompting;
            False by default.
        disable_instance_discovery: whether the authority is used without asking Microsoft's list of authorities: for
            private clouds and the emulator. False by default.
        enable_support_logging: whether MSAL may log personal data, such as user names; False by default.
    """

    authority: str | None
    tenant_id: str | None
    additionally_allowed_tenants: Iterable[str] | None
    authentication_record: AuthenticationRecord | RecordFields | None
    username: str | None
    use_cached_account: bool | None
    cache_persistence_options: TokenCachePersistenceOptions | CacheFields | None
    disable_automatic_authentication: bool
    disable_instance_discovery: bool | None
    enable_support_logging: bool | None
    _cache: Any
    _cae_cache: Any
