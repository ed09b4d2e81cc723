"""The plot of M_t with the chosen end step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from evidence_makers import BANK
from made_results import column, made_result

from anofpdm.methods.anofpdm.method import AnoFPDM


@pytest.mark.parametrize("point", [None, BANK])
def test_the_plot_shows_the_curve_and_the_end_step(scene: Any, point: Any) -> None:
    options = {} if point is None else {"point": point}
    result = made_result(scene, modalities=("flair", "t2"), **options)
    index = int(np.flatnonzero(result.case.examined)[5])
    plot = result.divergencePlot()
    plot.showSlice(result.detection, index, 21.84)
    assert plot.chart.GetTitle() == f"Slice {index + 1}, S +21.8 mm"
    assert not plot.chart.GetLegendVisibility(), "it would lie over the mark, which is where the curve is highest"
    table = plot.nodes[-1].GetTable()
    names = [table.GetColumnName(n) for n in range(table.GetNumberOfColumns())]
    assert names == ["Noise level t", "flair", "flair end step", "t2", "t2 end step"]
    curve = result.case.evidence.divergence(2.0)[5, :, 1]
    values = column(plot.nodes[-1], "t2")
    assert values == pytest.approx(curve.tolist(), rel=1e-5)
    marks = np.array(column(plot.nodes[-1], "t2 end step"))
    (marked,) = np.flatnonzero(np.isfinite(marks))
    assert marked == result.detection.answer.end_index[5, 1] and marks[marked] == pytest.approx(curve[marked])
    assert result.divergencePlot().chart.GetID() == plot.chart.GetID()
    plot.showSlice(result.detection, 0, -70.0)
    assert "not examined" in plot.chart.GetTitle() and plot.nodes[-1].GetTable().GetNumberOfRows() == 0


def test_a_slice_without_curves(scene: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a method that has them for some slices alone."""
    whole = AnoFPDM.curves

    def curves(self: AnoFPDM, case: Any, answer: Any, row: int) -> Any:
        return None if row == 0 else whole(self, case, answer, row)

    monkeypatch.setattr(AnoFPDM, "curves", curves)
    result = made_result(scene)
    plot = result.divergencePlot()
    first, second = np.flatnonzero(result.case.examined)[:2].tolist()
    assert plot.showSlice(result.detection, second, 0.0)["flair"].startswith("end step ")
    assert plot.showSlice(result.detection, first, 0.0) == {}
    assert plot.nodes[-1].GetTable().GetNumberOfRows() == 0 and plot.chart.GetTitle().endswith("no curves")
