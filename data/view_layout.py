"""View layout: where Rerun's viewer puts what an episode has to be looked at. Imports Rerun where it is used."""

from typing import TYPE_CHECKING, Any

from data.view import Shown

if TYPE_CHECKING:
    import rerun.blueprint

MOST_SMALL = 12  # curves beside each other


def layout(shown: Shown) -> "rerun.blueprint.Blueprint":
    """3-D and cameras left, curves right, who drives below."""
    import rerun.blueprint as rrb

    left = rrb.Vertical(*_left(shown), row_shares=[3, 2] if shown.eye and shown.cameras else None)
    right = rrb.Vertical(*_right(shown), row_shares=[5, 3, 2])
    both = rrb.Horizontal(left, right, column_shares=[2, 3]) if shown.eye or shown.cameras else right
    events = rrb.TextLogView(
        origin="events", name="events", columns=rrb.TextLogColumns(text_log_columns=[rrb.encodings.TextLogColumn("Body")])
    )
    below = rrb.Horizontal(rrb.TextDocumentView(origin="facts", name="episode"), events, column_shares=[2, 3])
    return rrb.Blueprint(
        rrb.Vertical(both, below, row_shares=[5, 2]),
        rrb.TimePanel(state="collapsed", timeline="time"),
        rrb.SelectionPanel(state="hidden"),
        rrb.BlueprintPanel(state="hidden"),
        auto_views=False,
    )


def _left(shown: Shown) -> list[Any]:
    import rerun.blueprint as rrb

    parts: list[Any] = []
    if shown.eye:
        position, target = shown.eye
        eye = rrb.EyeControls3D(position=position, look_target=target, eye_up=(0.0, 0.0, 1.0))
        parts.append(rrb.Spatial3DView(origin="world", name="3-D", eye_controls=eye))
    if shown.cameras:
        views = [rrb.Spatial2DView(origin=f"cameras/{key}", name=key.removesuffix("_image")) for key in shown.cameras]
        parts.append(rrb.Grid(*views, grid_columns=min(len(views), 3)) if len(views) > 1 else views[0])
    return parts


def _right(shown: Shown) -> list[Any]:
    import rerun.blueprint as rrb

    executed = rrb.TimeSeriesView(
        origin="action", contents=[f"action/{name}/executed" for name in shown.actions], name="executed", axis_y=_axis(-1.1, 1.1)
    )
    actions: list[Any] = [executed]
    if (shown.has_policy or shown.has_labels) and len(shown.actions) <= MOST_SMALL:
        hidden = rrb.PlotLegend(visible=False)
        each = [
            rrb.TimeSeriesView(origin=f"action/{name}", name=name, axis_y=_axis(-1.1, 1.1), plot_legend=hidden) for name in shown.actions
        ]
        actions.insert(0, rrb.Grid(*each, grid_columns=4, name="executed (line), the policy's (blue), labels (yellow)"))
    more: list[Any] = []
    if shown.has_gate:
        more.append(rrb.TimeSeriesView(origin="gate", name="gate"))
    more.append(rrb.TimeSeriesView(origin="reward", name="reward"))
    more.append(
        rrb.TimeSeriesView(origin="gripper", name="gripper") if shown.eye else rrb.TimeSeriesView(origin="state_vector", name="state")
    )
    if shown.eye:
        more.append(rrb.TimeSeriesView(origin="joints", name="joints"))
    more.append(rrb.TimeSeriesView(origin="latency", name="latency"))
    return [
        rrb.Tabs(*actions) if len(actions) > 1 else executed,
        rrb.Tabs(*more),
        rrb.StateTimelineView(origin="state", name="who drives"),
    ]


def _axis(low: float, high: float) -> Any:
    import rerun.blueprint as rrb

    return rrb.ScalarAxis(range=(low, high))
