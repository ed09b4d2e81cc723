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
    assert [file for file in listed(LISTS[0]) if "/" not in file] == ["AnoFPDMSegment.py"]


def test_every_package_of_the_module_is_listed_under_its_own_name() -> None:
    """Installed packages share one folder with those of other extensions: no generic names."""
    folders = {file.partition("/")[0] for file in listed(LISTS[0]) if "/" in file}
    assert folders == {"anofpdm", "AnoFPDMSegmentLib"}
    for file in listed(LISTS[0]):
        if "/" in file:
            assert f"{file.rpartition('/')[0]}/__init__.py" in listed(LISTS[0]), file


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
"""

# Take the arguments of Slicer's macros of these names (CMake/SlicerMacroBuildScriptedModule.cmake,
# CMake/SlicerMacroPythonTesting.cmake) and record them.
STAND_IN_MACROS = """
macro(slicerMacroBuildScriptedModule)
  cmake_parse_arguments(MY "WITH_GENERIC_TESTS;WITH_SUBDIR;VERBOSE" "NAME" "SCRIPTS;RESOURCES" ${ARGN})
  if(MY_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "unknown arguments: ${MY_UNPARSED_ARGUMENTS}")
  endif()
  foreach(file ${MY_SCRIPTS} ${MY_RESOURCES})
    if(NOT EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${file})
      message(FATAL_ERROR "nonexistent file: ${file}")
    endif()
  endforeach()
  file(WRITE ${CMAKE_BINARY_DIR}/scripts.txt "${MY_SCRIPTS}")
  file(WRITE ${CMAKE_BINARY_DIR}/resources.txt "${MY_RESOURCES}")
  file(WRITE ${CMAKE_BINARY_DIR}/module.txt "${MY_NAME};${MY_WITH_GENERIC_TESTS};${MY_WITH_SUBDIR}")
endmacro()
function(slicer_add_python_unittest)
  cmake_parse_arguments(MY "" "SCRIPT;TESTNAME_PREFIX" "SLICER_ARGS" ${ARGN})
  if(MY_UNPARSED_ARGUMENTS OR NOT EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${MY_SCRIPT})
    message(FATAL_ERROR "bad test: ${ARGN}")
  endif()
  file(WRITE ${CMAKE_BINARY_DIR}/unittest.txt "${MY_SCRIPT}")
endfunction()
"""


@pytest.mark.skipif(shutil.which("cmake") is None, reason="cmake is not installed")
def test_cmake_reads_the_extension(tmp_path: Path) -> None:
    """Configures the whole extension against a stand-in for Slicer's package, without building Slicer."""
    slicer, build = tmp_path / "slicer", tmp_path / "build"
    slicer.mkdir()
    (slicer / "SlicerConfig.cmake").write_text(STAND_IN_SLICER)
    (slicer / "use.cmake").write_text(STAND_IN_MACROS)
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
    # Flat in the folder of modules (no WITH_SUBDIR), where Slicer looks for the script and its Resources.
    assert (build / "module.txt").read_text().split(";") == ["AnoFPDMSegment", "TRUE", "FALSE"]
    assert (build / "unittest.txt").read_text() == "AnoFPDMSegment.py"
    assert (build / "generate.txt").exists()
    assert (build / "cpack.txt").exists()
