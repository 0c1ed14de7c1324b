"""azure-ai-ml with a credential that it is given, and azureml-mlflow with that one, or with those it makes itself."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest

import doorcode
from clients.conftest import Run
from clients.service import Service
from doorcode import InteractiveBrowserCredential
from doorcode.emulator import Emulator
from support.https_server import Reply

HEADING = "Azure Machine Learning and MLflow"
WORKSPACE = (
    "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/letters-group"
    "/providers/Microsoft.MachineLearningServices/workspaces/letters"
)
OTHER_WORKSPACE = f"{WORKSPACE}-without-a-client"


def tracking_uri(service: Service, workspace: str) -> str:
    """Return where MLflow finds a workspace."""
    return f"azureml://{service.url.removeprefix('https://')}/mlflow/v2.0{workspace}"


class WithoutDiscovery(InteractiveBrowserCredential):
    """A credential that trusts the authority that a library names, as it does a cloud's."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"disable_instance_discovery": True, **kwargs})


@pytest.fixture
def workspace(service: Service, authority: Emulator, monkeypatch: pytest.MonkeyPatch) -> Service:
    """Give a cloud with one workspace, which both libraries look up where the environment says."""
    service.answers["/metadata/endpoints"] = Reply(
        [
            {
                "name": "ContosoCloud",
                "portal": "https://portal.azure.com",
                "resourceManager": service.url,
                "authentication": {"loginEndpoint": authority.url, "audiences": [service.url]},
                "suffixes": {"storage": "core.windows.net"},
            }
        ]
    )
    service.answers[WORKSPACE] = Reply(
        {
            "id": WORKSPACE,
            "name": "letters",
            "location": "westeurope",
            "properties": {
                "workspaceId": "1",
                "discoveryUrl": service.url,
                "mlFlowTrackingUri": tracking_uri(service, WORKSPACE),
            },
        }
    )
    experiment = Reply({"experiment": {"experiment_id": "7", "name": "letters"}})
    for each in (WORKSPACE, OTHER_WORKSPACE):
        service.answers[f"/mlflow/v2.0{each}/api/2.0/mlflow/experiments/get-by-name"] = experiment
    monkeypatch.setenv("ARM_CLOUD_METADATA_URL", f"{service.url}/metadata/endpoints")
    monkeypatch.setenv("AZUREML_CURRENT_CLOUD", "ContosoCloud")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential")  # of the credentials that need no user
    cloud = import_module("azureml.mlflow._common._cloud.cloud")
    monkeypatch.setattr(cloud, "KNOWN_CLOUDS", cloud.get_known_clouds())  # which it had read when it was imported
    monkeypatch.setattr("doorcode._sync.browser.InteractiveBrowserCredential", WithoutDiscovery)
    return service


def test_the_examples(
    run_example: Run, workspace: Service, authority: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    """The user signs in once, for the workspace and for its experiments."""
    run_example(HEADING)
    assert capsys.readouterr().out.splitlines()[-2:] == ["westeurope", "7"]
    assert workspace.audiences() == [workspace.url] * 2
    assert authority.count("devicecode") == 1


def test_the_credentials_that_azureml_mlflow_makes(
    run_example: Run, workspace: Service, authority: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no browser opens, it shows the user one code, however many requests follow."""
    track_in = run_example(HEADING)["track_in"]
    authority.reset_counters()
    monkeypatch.setattr("webbrowser.open", lambda _url: False)
    replacement = doorcode.install_as_azure_identity()
    monkeypatch.setattr("doorcode.install_as_azure_identity", lambda: replacement)
    with replacement:
        assert [track_in(tracking_uri(workspace, OTHER_WORKSPACE)).experiment_id for _ in range(2)] == ["7", "7"]
    assert authority.count("devicecode") == 1
    (request,) = authority.requests_to("devicecode")
    assert request.headers["user-agent"].startswith("azsdk-python-doorcode/")
