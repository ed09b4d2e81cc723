"""The CMake lists name exactly the module's tracked files, and CMake itself reads them so."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from module_files import LISTS, MODULE, MODULE_CMAKE, REPOSITORY, expected_lists, is_checkout, list_pattern
from update_cmake_list import updated

needs_checkout = pytest.mark.skipif(not is_checkout(), reason="not a git checkout")


def listed(name: str) -> list[str]:
    found = list_pattern(name).findall(MODULE_CMAKE.read_text(encoding="utf-8"))
    assert len(found) == 1
    return found[0].split()


@needs_checkout
@pytest.mark.parametrize("name", LISTS)
def test_the_list_is_exactly_the_tracked_files(name: str) -> None:
    expected = expected_lists()[name]
    missing = sorted(set(expected) - set(listed(name)))
    surplus = sorted(set(listed(name)) - set(expected))
    assert not missing, f"missing in {name}: run `make cmake-lists`"
    assert not surplus, f"listed but not tracked in {name}: run `make cmake-lists`"
    assert len(listed(name)) == len(expected), "a file is listed twice"


@pytest.mark.parametrize("name", LISTS)
def test_every_listed_file_exists_and_has_a_plain_name(name: str) -> None:
    assert listed(name)
    for file in listed(name):
        assert (MODULE / file).is_file(), file
        assert not set(file) & set(' ;"$()#\\'), f"CMake would misread {file!r}"


def test_no_loose_script_that_slicer_would_take_for_a_module() -> None:
    """Every script in the module folder itself must be a Slicer module."""
    assert {file for file in listed(LISTS[0]) if "/" not in file} <= {"AnoFPDMSegment.py"}


def test_the_update_replaces_both_lists_and_nothing_else() -> None:
    text = MODULE_CMAKE.read_text(encoding="utf-8")
    changed = updated(text, {LISTS[0]: ["a/b.py"], LISTS[1]: ["Resources/x y\\1.png"]})
    assert list_pattern(LISTS[0]).findall(changed) == ["  a/b.py\n"]
    assert list_pattern(LISTS[1]).findall(changed) == ["  Resources/x y\\1.png\n"]
    assert updated(changed, {name: listed(name) for name in LISTS}) == text


def test_the_update_refuses_a_file_without_the_lists() -> None:
    with pytest.raises(ValueError, match="MODULE_PYTHON_SCRIPTS"):
        updated("set(SOMETHING_ELSE\n  )\n", {LISTS[0]: []})


STAND_IN_SLICER = """
set(Slicer_USE_FILE "${CMAKE_CURRENT_LIST_DIR}/use.cmake")
set(Slicer_EXTENSION_GENERATE_CONFIG "${CMAKE_CURRENT_LIST_DIR}/generate.cmake")
set(Slicer_EXTENSION_CPACK "${CMAKE_CURRENT_LIST_DIR}/cpack.cmake")
set(Slicer_QTSCRIPTEDMODULES_LIB_DIR lib/modules)
set(Slicer_INSTALL_QTSCRIPTEDMODULES_LIB_DIR lib/modules)
"""

# Takes the arguments of CTK's macro of this name and records them.
STAND_IN_MACRO = """
macro(ctkMacroCompilePythonScript)
  cmake_parse_arguments(MY "NO_INSTALL_SUBDIR" "TARGET_NAME;DESTINATION_DIR;INSTALL_DIR" "SCRIPTS;RESOURCES" ${ARGN})
  if(MY_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "unknown arguments: ${MY_UNPARSED_ARGUMENTS}")
  endif()
  file(WRITE ${CMAKE_BINARY_DIR}/scripts.txt "${MY_SCRIPTS}")
  file(WRITE ${CMAKE_BINARY_DIR}/resources.txt "${MY_RESOURCES}")
  file(WRITE ${CMAKE_BINARY_DIR}/places.txt "${MY_TARGET_NAME};${MY_DESTINATION_DIR};${MY_INSTALL_DIR}")
endmacro()
"""


@pytest.mark.skipif(shutil.which("cmake") is None, reason="cmake is not installed")
def test_cmake_reads_the_extension(tmp_path: Path) -> None:
    """Configures the whole extension against a stand-in for Slicer's package, without building Slicer."""
    slicer, build = tmp_path / "slicer", tmp_path / "build"
    slicer.mkdir()
    (slicer / "SlicerConfig.cmake").write_text(STAND_IN_SLICER)
    (slicer / "use.cmake").write_text(STAND_IN_MACRO)
    for last in ("generate", "cpack"):
        check = "foreach(v HOMEPAGE CONTRIBUTORS DESCRIPTION ICONURL DEPENDS)\nif(NOT EXTENSION_${v})\n"
        check += 'message(FATAL_ERROR "EXTENSION_${v} is empty")\nendif()\nendforeach()\n'
        (slicer / f"{last}.cmake").write_text(check + f"file(WRITE ${{CMAKE_BINARY_DIR}}/{last}.txt done)\n")
    # No language is enabled: the stand-in needs no compiler, and the extension has nothing to compile.
    command = ["cmake", "-S", str(REPOSITORY), "-B", str(build), f"-DSlicer_DIR={slicer}", "-DBUILD_TESTING=ON"]
    command += ["-DCMAKE_C_COMPILER_WORKS=1", "-DCMAKE_CXX_COMPILER_WORKS=1"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if "No CMAKE_C" in run.stderr:
        pytest.skip("cmake finds no compiler, which project() asks for")
    assert run.returncode == 0, run.stderr
    assert (build / "scripts.txt").read_text().split(";") == listed(LISTS[0])
    assert (build / "resources.txt").read_text().split(";") == listed(LISTS[1])
    target, destination, install = (build / "places.txt").read_text().split(";")
    assert target == "AnoFPDMSegment"
    assert Path(destination) == build / "lib" / "modules"
    assert install == "lib/modules"
    assert (build / "generate.txt").exists()
    assert (build / "cpack.txt").exists()
