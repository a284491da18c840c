"""Takes a model through ezkl, step by step, and says how long each took: one JSON document a line.

Run by `dsperse bench --peers` with the Python of a virtual environment that holds ezkl:
    python ezkl-steps.py <directory with model.onnx and input.json>
"""

import asyncio
import inspect
import json
import os
import sys
import time

import ezkl

directory = sys.argv[1]
MODEL, INPUT, SETTINGS, CIRCUIT, SRS, VK, PK, WITNESS, PROOF = (
    os.path.join(directory, name)
    for name in (
        "model.onnx",
        "input.json",
        "settings.json",
        "model.compiled",
        "kzg.srs",
        "vk.key",
        "pk.key",
        "witness.json",
        "proof.json",
    )
)


async def step(name, call):
    print(json.dumps({"begin": name}), flush=True)
    start = time.perf_counter()
    result = call()
    if inspect.isawaitable(result):
        result = await result
    print(json.dumps({"step": name, "ms": 1000 * (time.perf_counter() - start)}), flush=True)
    if result is False:
        raise RuntimeError(f"{name} failed")
    return result


async def main():
    args = ezkl.PyRunArgs()
    args.input_visibility = "public"
    args.output_visibility = "public"
    # As ours: fixed when the program is made, and part of what the verification key says.
    args.param_visibility = "fixed"
    await step("settings", lambda: ezkl.gen_settings(MODEL, SETTINGS, py_run_args=args))
    await step("calibrate", lambda: ezkl.calibrate_settings(INPUT, MODEL, SETTINGS, "resources"))
    await step("compile", lambda: ezkl.compile_circuit(MODEL, CIRCUIT, SETTINGS))
    with open(SETTINGS) as file:
        settings = json.load(file)
    logrows = settings["run_args"]["logrows"]
    print(json.dumps({"logrows": logrows}), flush=True)
    await step("srs", lambda: ezkl.gen_srs(SRS, logrows))
    await step("setup", lambda: ezkl.setup(CIRCUIT, VK, PK, SRS))
    await step("witness", lambda: ezkl.gen_witness(INPUT, CIRCUIT, WITNESS, VK, SRS))
    await step("prove", lambda: ezkl.prove(WITNESS, CIRCUIT, PK, PROOF, SRS))
    await step("verify", lambda: ezkl.verify(PROOF, SETTINGS, VK, SRS))
    with open(PROOF) as file:
        proof = json.load(file)["proof"]
    size = len(proof) // 2 - 1 if isinstance(proof, str) else len(proof)
    print(json.dumps({"proofBytes": size}), flush=True)


asyncio.run(main())
