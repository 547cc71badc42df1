import json

import pytest

import comfyui_jobstatus as jobstatus
from comfyui_jobstatus.channel import complete_target


@pytest.mark.parametrize(
    "given, target",
    [
        ("gpu-box", "gpu-box:50051"),
        ("gpu-box:1", "gpu-box:1"),
        ("::1", "[::1]:50051"),
        ("[::1]", "[::1]:50051"),
        ("[::1]:1", "[::1]:1"),
        ("unix:/run/jobstatus", "unix:/run/jobstatus"),
        ("dns:///gpu-box:1", "dns:///gpu-box:1"),
    ],
)
def test_a_port_is_added_where_there_is_none(given, target):
    assert complete_target(given) == target


@pytest.mark.parametrize("wrong", [{"cert_file": "x"}, {"key_file": "x"}, {"token": "two\nlines"}, {"token": "ü"}])
def test_options_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError):
        jobstatus.Client("localhost", **wrong)


def test_an_empty_address_is_refused():
    with pytest.raises(jobstatus.InvalidArgument):
        jobstatus.Client("")


def test_a_file_that_is_not_there_is_named():
    with pytest.raises(FileNotFoundError, match="/no/such.pem"):
        jobstatus.Client("localhost", ca_file="/no/such.pem")


def test_a_token_is_not_shown():
    assert "sesame" not in repr(jobstatus.ClientOptions(token="sesame"))


def test_the_service_config_names_every_method_once():
    from comfyui_jobstatus.v1.job_status_pb2 import DESCRIPTOR

    config = json.loads(dict(jobstatus.ClientOptions().channel_options())["grpc.service_config"])
    named = sorted((name["service"], name["method"]) for part in config["methodConfig"] for name in part["name"])
    service = DESCRIPTOR.services_by_name["JobStatusService"]
    assert named == sorted((service.full_name, method.name) for method in service.methods)


def test_every_method_but_the_watch_has_a_limit():
    config = json.loads(dict(jobstatus.ClientOptions().channel_options())["grpc.service_config"])
    limits = {name["method"]: "timeout" in part for part in config["methodConfig"] for name in part["name"]}
    assert limits == {"GetStatus": True, "ListStatuses": True, "ListBackends": True, "WatchStatus": False}
