# make detect [IMAGE="scan.nii.gz"] [RESULTS=results]   look for lesions in a FLAIR volume
# make scene [IMAGE=...] [RESULTS=results]              the same result as a scene for 3D Slicer
# make test                                             style, types and tests
# make lint                                             style and types alone
# make pictures                                         draw Resources/Screenshots anew
# make notebook                                         run the example notebook anew
# make icons                                            draw the icons anew
# make findings-schema                                  after changing what findings.json or follow-up.json holds
# make cmake-lists                                      after adding or removing files of the module
# make clean                                            remove what these commands made, results apart
#
# A virtual environment is made in .venv at the first call; PYTHON=python3.11 picks another Python.

PYTHON ?= python3
VENV ?= .venv
SAMPLE = AnoFPDMSegment/Resources/SampleData/synthetic_flair_lesion.nii.gz
IMAGE ?= $(SAMPLE)
RESULTS ?= results
DETECT_OPTIONS ?=
PYTEST_OPTIONS ?= -n 2 --dist worksteal --durations=10

# Handed to the recipes through the environment, so that file names may hold spaces and quotes.
export PYTHON VENV IMAGE RESULTS

PIP = "$$VENV/bin/python" -m pip --disable-pip-version-check --require-virtualenv
INSTALL_FAILED = echo "The installation into $$VENV failed: see above, then try again, after 'make clean' if need be." >&2; exit 1;
PACKAGE = pyproject.toml constraints.txt AnoFPDMSegment/anofpdm/__init__.py

.DELETE_ON_ERROR:
.PHONY: detect scene test tests lint style types pictures notebook icons findings-schema cmake-lists clean

detect: $(VENV)/.installed-for-detect
	@"$$VENV/bin/anofpdm" detect "$$IMAGE" --output "$$RESULTS" $(DETECT_OPTIONS)
	@echo "Pictures: $$RESULTS/overlay.png. In 3D Slicer: load the image, then segmentation.seg.nrrd and heatmap.nrrd;"
	@echo "or everything at once: 'make scene' with the same IMAGE and RESULTS, then open $$RESULTS/case.mrb."

scene: $(VENV)/.installed-for-scene
	@"$$VENV/bin/anofpdm-scene" "$$RESULTS" --input "$$IMAGE" --output "$$RESULTS/case.mrb"

# What is checked in seconds comes first; types, which take a core for most of a minute, are checked beside the tests.
test: style
	@"$(MAKE)" --no-print-directory --jobs=2 types tests

# One thread a worker: the workers share the cores already. Whatever is compiled is kept, since tests start many processes.
tests: $(VENV)/.installed-for-test
	OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1} ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS=$${OMP_NUM_THREADS:-1} \
	PYTHONDONTWRITEBYTECODE= "$$VENV/bin/python" -m pytest $(PYTEST_OPTIONS)

lint: style types

style: $(VENV)/.installed-for-test
	"$$VENV/bin/ruff" check
	"$$VENV/bin/ruff" format --check
	PYTHONPATH=AnoFPDMSegment "$$VENV/bin/lint-imports"

types: $(VENV)/.installed-for-test
	"$$VENV/bin/mypy"

pictures: $(VENV)/.installed-for-test
	@PYTHONPATH=AnoFPDMSegment "$$VENV/bin/python" Testing/slicer/render_pictures.py
	@"$$VENV/bin/python" Testing/slicer/panel/panel_picture.py

notebook: $(VENV)/.installed-for-detect
	@"$$VENV/bin/python" Resources/notebook/make_notebook.py

icons: $(VENV)/.installed-for-detect
	@"$$VENV/bin/python" Resources/Icons/draw_icon.py

findings-schema: $(VENV)/.installed-for-detect
	@PYTHONPATH=AnoFPDMSegment "$$VENV/bin/python" -m anofpdm.results.findings_schema Resources/findings-schema.json
	@PYTHONPATH=AnoFPDMSegment "$$VENV/bin/python" -m anofpdm.followup.schema Resources/follow-up-schema.json

cmake-lists:
	@"$$PYTHON" Testing/packaging/update_cmake_list.py

clean:
	rm -rf "$$VENV" build dist AnoFPDMSegment/anofpdm.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(VENV)/.installed-for-detect: $(PACKAGE) | $(VENV)/bin/python
	@echo "Installing the engine. PyTorch is large: this takes a while the first time."
	@$(PIP) install --constraint constraints.txt --editable ".[pictures]" || { $(INSTALL_FAILED) }
	@touch "$@"

$(VENV)/.installed-for-scene: $(PACKAGE) | $(VENV)/bin/python
	@echo "Installing Slicer's data model."
	@$(PIP) install --quiet --constraint constraints.txt --editable ".[pictures,mrml]" || { $(INSTALL_FAILED) }
	@touch "$@"

$(VENV)/.installed-for-test: $(PACKAGE) | $(VENV)/bin/python
	@echo "Installing the engine and the development tools."
	@$(PIP) install --quiet --constraint constraints.txt --editable ".[pictures,train,evaluate,dev,mrml]" || { $(INSTALL_FAILED) }
	@touch "$@" "$(VENV)/.installed-for-detect" "$(VENV)/.installed-for-scene"

$(VENV)/bin/python:
	@command -v "$$PYTHON" >/dev/null 2>&1 || { \
	  echo "There is no '$$PYTHON' here: install Python 3.10 or newer, or name it with make PYTHON=/path/to/python3." >&2; exit 1; }
	@"$$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { \
	  echo "'$$PYTHON' is $$("$$PYTHON" --version 2>&1), but Python 3.10 or newer is needed: name one with make PYTHON=/path/to/python3." >&2; exit 1; }
	@"$$PYTHON" -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "'$$PYTHON' cannot make virtual environments: install its venv package (Debian, Ubuntu: apt-get install python3-venv)." >&2; exit 1; }
	"$$PYTHON" -m venv "$$VENV" || { rm -rf "$$VENV"; exit 1; }
