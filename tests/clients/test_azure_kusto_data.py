"""azure-kusto-data: with a credential that it is given, and with the device login that it makes itself."""

from __future__ import annotations

import asyncio

import pytest

from clients.conftest import Run
from clients.service import Service
from doorcode import install_as_azure_identity
from doorcode.emulator import Emulator
from support.https_server import Reply

CLUSTER = "https://help.kusto.windows.net"
PRIMARY = {
    "FrameType": "DataTable", "TableId": 0, "TableKind": "PrimaryResult", "TableName": "PrimaryResult",
    "Columns": [{"ColumnName": "State", "ColumnType": "string"}], "Rows": [["FLORIDA"]],
}  # fmt: skip
ANSWER = [
    {"FrameType": "DataSetHeader", "IsProgressive": False, "Version": "v2.0"},
    PRIMARY,
    {"FrameType": "DataSetCompletion", "HasErrors": False, "Cancelled": False},
]


@pytest.fixture
def cluster(service: Service, authority: Emulator) -> Service:
    """Give a cluster that says where to sign in."""
    service.answers["/v1/rest/auth/metadata"] = Reply(
        {
            "AzureAD": {
                "LoginEndpoint": authority.url,
                "LoginMfaRequired": False,
                "KustoClientAppId": "db662dc1-0cfe-4e1c-a843-19a68e65be58",
                "KustoClientRedirectUri": "https://microsoft/kustoclient",
                "KustoServiceResourceId": "https://kusto.kusto.windows.net",
                "FirstPartyAuthorityUrl": authority.url,
            }
        }
    )
    service.answers["/v2/rest/query"] = Reply(ANSWER)
    return service


def test_the_examples(
    run_example: Run, cluster: Service, authority: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each way has one prompt, and the query its rows."""
    run_example("Azure Data Explorer", {CLUSTER: cluster.url})
    assert capsys.readouterr().out.startswith("FLORIDA\n")
    assert cluster.audiences() == ["https://kusto.kusto.windows.net"] * 2
    assert authority.count("devicecode") == 2  # one for each of the two ways
    agents = {each.headers["user-agent"].split("/")[0] for each in authority.requests_to("devicecode")}
    assert agents == {"azsdk-python-doorcode"}


def test_the_device_login_of_the_asyncio_client(cluster: Service, authority: Emulator) -> None:
    """It asks the same credential in a thread; two queries have one prompt."""
    from azure.kusto.data import KustoConnectionStringBuilder
    from azure.kusto.data.aio import KustoClient

    async def main() -> None:
        login = KustoConnectionStringBuilder.with_aad_device_authentication(cluster.url)
        async with KustoClient(login) as client:
            for _ in range(2):
                rows = (await client.execute("Samples", "StormEvents | take 1")).primary_results[0]
                assert [row["State"] for row in rows] == ["FLORIDA"]

    with install_as_azure_identity():
        asyncio.run(main())
    assert authority.count("devicecode") == 1
