"""What each measure of the report means, and where it comes from: the page's tooltips and its last section."""

from data.schema import LATE_S

MEASURES = {
    "outcomes": (
        "Success and failure: the episode came to its end, training takes it. Discarded: the operator threw it away. Partial: recording "
        "ended in the middle. Abandoned: the operator rewound it and drove on otherwise."
    ),
    "success": "Successes among episodes that came to their end (success or failure). The interval is Wilson's 95 % score interval (1927).",
    "length": "Control time from the first to the last step, without the idle ends that were set aside: steps / control rate.",
    "smoothness": (
        "SPARC, the spectral arc length of the end effector's speed (Balasubramanian, Melendez-Calderon, Roby-Brami, Burdet 2015, "
        "On the analysis of movement smoothness, J. NeuroEng. Rehabil. 12:112; cut-off 10 Hz, threshold 0.05, zero padding 4). "
        "About −1.4 for one straight reach; more negative: less smooth. It does not depend on speed or distance, but long tasks of "
        "many movements have more negative values: compare episodes of one task."
    ),
    "path": "The way of the end effector, in metres.",
    "idle": "Steps in which the demonstrator asked nothing of the arm and left the gripper's command as it was. The policy is never idle.",
    "late": f"Control ticks that began more than {1000 * LATE_S:.0f} ms after their deadline. Nothing on simulated time can be late.",
    "saturated": "Steps in which an axis of the action, but for the grip, is at its limit of −1 or 1.",
    "effort": (
        "The way of the six stick and trigger axes for each second the demonstrator drove; 1 is from rest to the edge. "
        "Presses are buttons for each minute driven."
    ),
    "operator": "The demonstrator's seconds at the sticks and answering, in all episodes, kept or not, for each success.",
    "cost": (
        "What was done for the session, kept or not, what lies in trash/ and branches that were left included, each second once: driving, "
        "from questions to answers, and watching the policy drive. Pauses, scrubbing back and the time between episodes are not in it. "
        "Switches: who drove changed. Stick travel: from rest to the edge is 1. Per label and per success: driving and deciding."
    ),
    "labels": "Steps for which the demonstrator answered what the right action is. The time is from the question to the answer.",
    "worth": (
        "What a correction added: the share of futures that succeed from the state after it, less that from the state before it, tried "
        "in the simulator with the policy that drove, on the same seeds (python -m learn worth). A counterfactual (Pearl 2009, Causality, "
        "chapter 7): the world with it and the world without. Human s: from the first action of it to the first after it, "
        "and the thinking before. Net: how a corrected episode ended, less the share of futures that succeed without its corrections."
    ),
    "driver": "Who chose the executed actions: a human, the policy, or the scripted operator.",
    "coverage": "Cells of 1 cm³ that the end effector was in, over all usable episodes; darker: more often, in steps of the logarithm.",
    "actions": "Executed actions of all usable episodes, each axis from −1 to 1, without the steps in which it was exactly 0.",
    "trend": "Median length of the successes: the first quarter of them against the last, in the order they were driven. The line is "
    "the median of nine neighbours.",
    "unusual": "Length and smoothness are unusual beyond 3.5 robust standard deviations (1.4826 · MAD) of the median, among at least eight "
    "usable episodes.",
}

TITLES = {
    "outcomes": "Outcomes",
    "success": "Success",
    "length": "Length",
    "smoothness": "Smoothness",
    "path": "Path",
    "idle": "Idle",
    "late": "Late ticks",
    "saturated": "At the limit",
    "effort": "Operator effort",
    "operator": "Operator time per success",
    "cost": "Effort",
    "labels": "Labels",
    "worth": "Worth of corrections",
    "driver": "Driven by",
    "coverage": "Workspace coverage",
    "actions": "Action coverage",
    "trend": "Trend",
    "unusual": "Unusual",
}
