"""Makes the stubs from the contract when the package is built; pyproject.toml says everything else."""

import shutil
from importlib.metadata import distribution, requires
from pathlib import Path

import grpc_tools
from grpc_tools import protoc
from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

HERE = Path(__file__).resolve().parent
PACKAGE = "comfyui_jobstatus"
# What all languages share, where a checkout has it; a source distribution has it beside this file, by its name alone.
SHARED = ["../../proto/comfyui/jobstatus/v1/job_status.proto", "../service_config.json"]


def shared(path: str) -> Path:
    own = HERE / Path(path).name
    return own if own.exists() else HERE / path


class BuildWithStubs(build_py):
    def run(self) -> None:
        if not self.editable_mode:
            shutil.rmtree(self.build_lib, ignore_errors=True)  # modules that are no more
        super().run()
        out = HERE / "src" if self.editable_mode else Path(self.build_lib)
        (out / PACKAGE).mkdir(parents=True, exist_ok=True)
        config, proto = shared(SHARED[1]), shared(SHARED[0])
        shutil.copyfile(config, out / PACKAGE / config.name)
        # As a module of ours: `comfyui`, where the contract's package would put it, is not ours to take.
        failed = protoc.main([
            "protoc",
            f"--proto_path={PACKAGE}/v1={proto.parent}",
            f"--proto_path={Path(grpc_tools.__file__).parent / '_proto'}",
            f"--proto_path={distribution('googleapis-common-protos').locate_file('')}",
            f"--python_out={out}",
            f"--pyi_out={out}",
            f"--grpc_python_out={out}",
            f"{PACKAGE}/v1/{proto.name}",
        ])
        if failed:
            raise SystemExit(f"protoc cannot make the stubs of {proto}")


class SdistWithContract(sdist):
    def make_release_tree(self, base_dir: str, files: "list[str]") -> None:
        super().make_release_tree(base_dir, files)
        for path in SHARED:
            shutil.copyfile(shared(path), Path(base_dir) / Path(path).name)


# Stubs run with nothing older than the tool that made them was built for.
made_with = [need for need in requires("grpcio-tools") or [] if need.startswith(("grpcio", "protobuf"))]

# A checkout stays clean: everything that is built is in its folder build/.
options = {}
if not (HERE / "service_config.json").exists():
    build = HERE.parents[1] / "build" / "python"
    build.mkdir(parents=True, exist_ok=True)
    options = {"build": {"build_base": str(build / "build")}, "egg_info": {"egg_base": str(build)}}

setup(
    options=options,
    install_requires=[*made_with, "googleapis-common-protos>=1.63"],
    cmdclass={"build_py": BuildWithStubs, "sdist": SdistWithContract},
)
