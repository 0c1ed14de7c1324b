"""Scripts about constructors, options, authorities and tenants."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import azure.identity

from compat.registry import script
from compat.stage import PUBLIC_CLOUD, STORAGE, Rerouted, Stage


def _parameters(function: Callable[..., object]) -> dict[str, str]:
    """Return the parameters of a function, with their kinds and defaults, without annotations."""
    parameters = inspect.signature(function).parameters
    return {name: f"{one.kind.name} {one.replace(annotation=one.empty)}" for name, one in parameters.items()}


def _functions(library: Any) -> dict[str, Callable[..., object]]:
    credential = library.DeviceCodeCredential
    return {
        "DeviceCodeCredential": credential.__init__,
        "get_token": credential.get_token,
        "get_token_info": credential.get_token_info,
        "authenticate": credential.authenticate,
        "close": credential.close,
        "AuthenticationRecord": library.AuthenticationRecord.__init__,
        "deserialize": library.AuthenticationRecord.deserialize,
        "serialize": library.AuthenticationRecord.serialize,
        "AuthenticationRequiredError": library.AuthenticationRequiredError.__init__,
        "TokenCachePersistenceOptions": library.TokenCachePersistenceOptions.__init__,
        "get_bearer_token_provider": library.get_bearer_token_provider,
    }


def _public(cls: type) -> set[str]:
    return {name for name in dir(cls) if not name.startswith("_")}


@script
def signatures(stage: Stage) -> None:
    """What may be passed to what is public: all that azure-identity takes, in its order, and whether there is more."""
    more = False
    theirs = _functions(azure.identity)
    for name, function in _functions(stage.library).items():
        parameters = _parameters(function)
        wanted = [parameter for parameter in parameters if parameter in _parameters(theirs[name])]
        stage.note(name, [parameters[parameter] for parameter in wanted])
        more = more or len(wanted) < len(parameters)
    stage.note("more", more)


@script
def public_names(stage: Stage) -> None:
    """What the classes have that is public: all that azure-identity's have, and whether there is more."""
    for name in ("DeviceCodeCredential", "AuthenticationRecord", "AuthenticationRequiredError"):
        theirs = _public(getattr(azure.identity, name))
        own = _public(getattr(stage.library, name))
        stage.note(name, sorted(own & theirs))
        stage.note(f"{name} more", own > theirs)
    for name in ("AzureAuthorityHosts", "KnownAuthorities"):
        cls = getattr(stage.library, name)
        stage.note(name, {key: getattr(cls, key) for key in sorted(_public(cls))})


@script
def constructor_defaults(stage: Stage) -> None:
    """A credential without any argument: nothing is asked, the tenant is organizations, the cloud is public."""
    transport = Rerouted(stage.authority)
    credential = stage.step("first", stage.library.DeviceCodeCredential, transport=transport)
    assert credential is not None
    stage.authority.approve_all()
    stage.forget("first.returned")
    record = stage.step("sign_in", credential.authenticate)
    stage.forget("sign_in.returned")
    stage.note("asked", tuple(transport.asked[:3]))
    stage.note("authority", record.authority)
    stage.step("again", credential.get_token, "https://management.core.windows.net//.default")


@script
def options_none(stage: Stage) -> None:
    """Every option given as None counts as not given."""
    credential = stage.credential(
        timeout=None,
        authentication_record=None,
        cache_persistence_options=None,
        enable_support_logging=None,
        additionally_allowed_tenants=None,
        disable_automatic_authentication=False,
    )
    stage.step("get", credential.get_token, STORAGE, claims=None, tenant_id=None, enable_cae=False)
    stage.step("info", credential.get_token_info, STORAGE, options=None)
    stage.step("empty", credential.get_token_info, STORAGE, options={})


class Asynchronous:
    """A transport of azure-core's asyncio clients, as far as a constructor can tell."""

    async def send(self, request: object, **options: object) -> None: ...


@script
def wrong_options(stage: Stage) -> None:
    """Options that cannot be right, one at a time."""
    wrong: dict[str, dict[str, Any]] = {
        "another_languages_name": {"token_cache_persistence_options": None},
        "misspelt": {"authenication_record": None},
        "unknown": {"colour": "blue"},
        "timeout_text": {"timeout": "30"},
        "timeout_negative": {"timeout": -1},
        "timeout_nan": {"timeout": float("nan")},
        "callback_number": {"prompt_callback": 3},
        "tenant_characters": {"tenant_id": "a b"},
        "http": {"authority": "http://login.example"},
        "authority_query": {"authority": "https://login.example?x=1"},
        "record_text": {"authentication_record": '{"version": "1.0"}'},
        "persistence_text": {"cache_persistence_options": "msal.cache"},
        "switch_text": {"disable_automatic_authentication": "false"},
        "transport_asynchronous": {"transport": Asynchronous()},
    }
    for name, options in wrong.items():
        stage.step(name, stage.credential, **options)
        stage.forget(f"{name}.returned")


@script
def pipeline_options(stage: Stage) -> None:
    """Options of an azure-core pipeline are taken, and the requests show them."""
    seen: list[str] = []
    credential = stage.step(
        "construct",
        stage.credential,
        proxies={},
        retry_total=1,
        retry_backoff_factor=0.1,
        user_agent="mine/1.0",
        headers={"x-mine": "yes"},
        logging_enable=True,
        raw_request_hook=lambda request: seen.append(request.http_request.method),
        connection_timeout=5,
        read_timeout=5,
    )
    stage.forget("construct.returned")
    stage.step("get", credential.get_token, STORAGE)
    sent = stage.authority.requests[1].headers
    stage.note("hooked", tuple(seen))
    stage.note("x-mine", sent["x-mine"])
    stage.note("user-agent", sent["user-agent"].split()[0])


@script
def headers_on_the_wire(stage: Stage) -> None:
    """Which headers each request carries."""
    credential = stage.credential()
    stage.step("get", credential.get_token, STORAGE)
    stage.step("refresh", credential.get_token, "https://graph.microsoft.com/.default")
    for record in stage.authority.requests:
        stage.note(record.endpoint, tuple(sorted(record.headers)))
        fixed = ("accept", "content-type", "x-client-sku", "x-ms-lib-capability")
        stage.note(f"{record.endpoint} values", tuple(record.headers.get(name) for name in fixed))
    stage.note("user-agent", {record.headers["user-agent"] for record in stage.authority.requests})
    mailbox = stage.authority.requests_to("token:refresh_token")[0].headers["x-anchormailbox"]
    stage.note("mailbox", mailbox)


@script
def authority_as_host_and_port(stage: Stage) -> None:
    """An authority of the form host:port, and a record of it used again."""
    options: dict[str, Any] = {"authority": f"localhost:{stage.authority.port}"}
    credential = stage.step("construct", stage.credential, **options)
    stage.forget("construct.returned")
    if isinstance(credential, Exception):
        return
    record = stage.step("sign_in", credential.authenticate, scopes=[STORAGE])
    options = stage.options(authentication_record=record)
    del options["authority"]
    again = stage.step("reuse", stage.library.DeviceCodeCredential, **options)
    stage.note("reused", not isinstance(again, Exception))
    stage.forget("reuse.returned")


@script
def authority_with_trailing_characters(stage: Stage) -> None:
    """An https URL with a slash and a space at its end."""
    credential = stage.credential(authority=f"{stage.authority.url}/ ")
    stage.step("get", credential.get_token, STORAGE)


@script
def authority_from_the_environment(stage: Stage) -> None:
    """AZURE_AUTHORITY_HOST names the authority where the program does not."""
    stage.monkeypatch.setenv("AZURE_AUTHORITY_HOST", f"{stage.authority.host}/")
    options = stage.options()
    del options["authority"]
    credential = stage.library.DeviceCodeCredential(**options)
    stage.step("get", credential.get_token, STORAGE)


@script
def authority_from_an_empty_environment(stage: Stage) -> None:
    """AZURE_AUTHORITY_HOST is set but empty."""
    stage.monkeypatch.setenv("AZURE_AUTHORITY_HOST", "")
    transport = Rerouted(stage.authority)
    credential = stage.library.DeviceCodeCredential(
        prompt_callback=stage.person, transport=transport, disable_instance_discovery=True, retry_total=0
    )
    stage.step("get", credential.get_token, STORAGE)
    stage.note("asked", tuple(transport.asked[:1]))


@script
def authority_with_its_tenant(stage: Stage) -> None:
    """An authority that names the tenant in its path, with no tenant_id."""
    options = stage.options(authority=f"{stage.authority.url}/{stage.authority.tenant_id}")
    del options["tenant_id"]
    credential = stage.library.DeviceCodeCredential(**options)
    stage.step("get", credential.get_token, STORAGE)


@script
def authority_and_record(stage: Stage) -> None:
    """An authority given together with a record."""
    record = stage.credential().authenticate(scopes=[STORAGE])
    stage.step("same", stage.credential, authentication_record=record)
    stage.forget("same.returned")
    stage.step(
        "other_cloud",
        stage.library.DeviceCodeCredential,
        authority="login.microsoftonline.us",
        authentication_record=stage.library.AuthenticationRecord("t", "c", PUBLIC_CLOUD, "h", "u"),
        says=("authority",),
    )


@script
def authority_nobody_knows(stage: Stage) -> None:
    """Instance discovery does not know the authority."""
    credential = stage.library.DeviceCodeCredential(
        authority="login.fabrikam.example", prompt_callback=stage.person, transport=Rerouted(stage.authority)
    )
    stage.step("get", credential.get_token, STORAGE, says=("disable_instance_discovery=True",))


@script
def authenticate_without_scopes(stage: Stage) -> None:
    """authenticate() asks for the cloud's Resource Manager; at another authority it wants scopes."""
    stage.step("elsewhere", stage.credential(authority="login.example").authenticate, says=("scopes",))
    for host in ("login.microsoftonline.com", "login.chinacloudapi.cn", "login.microsoftonline.us"):
        credential = stage.library.DeviceCodeCredential(
            authority=host, prompt_callback=stage.person, transport=Rerouted(stage.authority)
        )
        stage.step(host, credential.authenticate)
        stage.forget(f"{host}.returned")  # its authority is another script's


@script
def client_and_tenant_of_a_record(stage: Stage) -> None:
    """A record overrides client_id; tenant_id overrides the record's."""
    library = stage.library
    record = library.AuthenticationRecord(
        "fabrikam", "record-client", stage.authority.host, "a.b", "ada@contoso.example"
    )
    options = stage.options(authentication_record=record, client_id="other-client")
    del options["authority"]
    credential = stage.step("construct", library.DeviceCodeCredential, **options)
    stage.forget("construct.returned")
    stage.person.answer = stage.authority.decline
    stage.step("get", credential.get_token, STORAGE)


def _with_fabrikam(stage: Stage) -> str:
    fabrikam = stage.authority.add_tenant("fabrikam.example", tenant_id="fab00000-0000-4000-8000-0000000000fa")
    stage.authority.add_user("bob@contoso.example", name="Bob", guest_of=(fabrikam.tenant_id,))
    stage.person.answer = lambda code: stage.authority.approve(code, "bob@contoso.example")
    return "fabrikam.example"


@script
def tenant_not_allowed(stage: Stage) -> None:
    """A token for another tenant than the credential's, which no list allows."""
    tenant = _with_fabrikam(stage)
    stage.step("get", stage.credential().get_token, STORAGE, tenant_id=tenant, says=("additionally_allowed_tenants",))
    stage.step("info", stage.credential().get_token_info, STORAGE, options={"tenant_id": tenant})
    stage.step("authenticate", stage.credential().authenticate, scopes=[STORAGE], tenant_id=tenant)
    listed = stage.credential(tenant_id="organizations", additionally_allowed_tenants=["third.example"])
    stage.step("organizations_with_a_list", listed.get_token, STORAGE, tenant_id=tenant)


@script
def tenant_allowed(stage: Stage) -> None:
    """A token for another tenant, allowed by name, by *, and at organizations by default."""
    tenant = _with_fabrikam(stage)
    named = stage.credential(additionally_allowed_tenants=[tenant])
    stage.step("named", named.get_token, STORAGE, tenant_id=tenant)
    stage.step("named_again", named.get_token, STORAGE, tenant_id=tenant)
    stage.step("any", stage.credential(additionally_allowed_tenants=["*"]).get_token, STORAGE, tenant_id=tenant)
    stage.step("organizations", stage.credential(tenant_id="organizations").get_token, STORAGE, tenant_id=tenant)
    stage.step("own", stage.credential().get_token, STORAGE, tenant_id=stage.authority.tenant_id)


@script
def tenant_written_in_capitals(stage: Stage) -> None:
    """The credential's own tenant, and an allowed one, in another case."""
    tenant = _with_fabrikam(stage)
    own = stage.authority.tenant_id.upper()
    stage.step("own", stage.credential().get_token, STORAGE, tenant_id=own)
    listed = stage.credential(additionally_allowed_tenants=[tenant])
    stage.step("listed", listed.get_token, STORAGE, tenant_id=tenant.upper())


@script
def tenant_at_adfs(stage: Stage) -> None:
    """AD FS has no tenants: the one asked for is passed over."""
    credential = stage.credential(tenant_id="adfs")
    stage.step("get", credential.get_token, STORAGE, tenant_id="fabrikam.example")
    stage.step("again", credential.get_token, STORAGE)


@script
def tenant_switched_off(stage: Stage) -> None:
    """AZURE_IDENTITY_DISABLE_MULTITENANTAUTH: the credential's own tenant is used instead."""
    stage.monkeypatch.setenv("AZURE_IDENTITY_DISABLE_MULTITENANTAUTH", "true")
    stage.step("get", stage.credential().get_token, STORAGE, tenant_id="fabrikam.example")


@script
def tenant_with_illegal_characters(stage: Stage) -> None:
    """A tenant of a request that cannot be one."""
    credential = stage.credential(additionally_allowed_tenants=["*"])
    stage.step("get", credential.get_token, STORAGE, tenant_id="a/b?c")
