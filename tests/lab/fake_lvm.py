#!/usr/bin/python3
"""A stand-in for lvm(8): volume groups and volumes in a JSON file, snapshots that are copies of a file on loop devices of their own.

    fake_lvm.py STATE lvs|vgs|lvcreate|lvextend|lvremove ...    what cyrvault asks of lvm
    fake_lvm.py STATE fake-vg NAME EXTENTS [EXTENT_BYTES]       make a volume group
    fake_lvm.py STATE fake-lv VG NAME DEVICE FILE MOUNT [KEY=VALUE...]  make a volume of a loop device over FILE, mounted at MOUNT
    fake_lvm.py STATE fake-set VG/LV KEY=VALUE...               change what is reported: fill, meta, attr, invalid, health, suspended, tags, busy
    fake_lvm.py STATE fake-fail COMMAND TEXT                    the command fails with this on its errors; "" ends that
    fake_lvm.py STATE fake-log                                  the commands that changed something

Not for what the kernel does (overflow, suspend): that is tested in a virtual machine."""

import fcntl
import json
import os
import subprocess
import sys

MIB = 1 << 20
VALUES = {"-n", "-l", "-L", "--addtag", "--monitor", "-o", "--reportformat", "--units", "-S"}


def fail(text, status=5):
    sys.stderr.write(text + "\n")
    sys.exit(status)


def run(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def options(args):
    found, rest = {}, []
    i = 0
    while i < len(args):
        if args[i] in VALUES:
            found.setdefault(args[i], []).append(args[i + 1])
            i += 1
        elif args[i].startswith("-"):
            found[args[i]] = True
        else:
            rest.append(args[i])
        i += 1
    return found, rest


def find(state, full):
    vg, _, name = full.partition("/")
    for lv in state["lvs"]:
        if lv["vg"] == vg and lv["name"] == name:
            return lv
    fail('  Failed to find logical volume "%s"' % full)


def free(state, vg):
    group = state["vgs"][vg]
    return group["extents"] - sum(lv.get("extents", 0) for lv in state["lvs"] if lv["vg"] == vg)


def row(lv):
    major, minor = (str(n) for n in lv.get("device", [-1, -1]))
    return {"vg_name": lv["vg"], "lv_name": lv["name"], "lv_path": lv.get("path", ""), "lv_attr": lv["attr"], "lv_kernel_major": major,
            "lv_kernel_minor": minor, "lv_size": str(lv["bytes"]), "origin": lv.get("origin", ""), "pool_lv": lv.get("pool", ""),
            "data_percent": lv.get("fill", ""), "metadata_percent": lv.get("meta", ""), "lv_snapshot_invalid": lv.get("invalid", "unknown"),
            "lv_health_status": lv.get("health", ""), "lv_suspended": lv.get("suspended", ""), "lv_tags": lv.get("tags", "")}


def selected(lv, what):
    if not what:
        return True
    for w in what:
        if w.startswith("@") and w[1:] in lv.get("tags", "").split(","):
            return True
        if w in (lv["vg"], lv["vg"] + "/" + lv["name"]):
            return True
    return False


def lvs(state, args):
    _, what = options(args)
    print(json.dumps({"report": [{"lv": [row(lv) for lv in state["lvs"] if selected(lv, what)]}]}))


def vgs(state, args):
    _, what = options(args)
    print(json.dumps({"report": [{"vg": [
        {"vg_name": name, "vg_free_count": str(free(state, name)), "vg_extent_size": str(g["extent_bytes"]), "vg_missing_pv_count": str(g["missing"])}
        for name, g in state["vgs"].items() if not what or name in what]}]}))


def attach(lv):
    device = run("losetup", "-f", "--show", lv["file"])
    number = os.stat(device).st_rdev
    lv["device"] = [os.major(number), os.minor(number)]
    lv["path"] = device


def lvcreate(state, args):
    found, rest = options(args)
    origin = find(state, rest[0])
    name = found["-n"][0]
    lv = {"vg": origin["vg"], "name": name, "origin": origin["name"], "bytes": origin["bytes"], "invalid": "", "fill": "0.00",
          "tags": ",".join(found.get("--addtag", []))}
    if "-l" in found:
        extents = int(found["-l"][0])
        if extents > free(state, origin["vg"]):
            fail('  Volume group "%s" has insufficient free space (%d extents): %d required.' % (origin["vg"], free(state, origin["vg"]), extents))
        lv.update(attr="swi-a-s---", extents=extents, bytes=extents * state["vgs"][origin["vg"]]["extent_bytes"])
    else:
        lv.update(attr="Vwi-a-tz--", pool=origin["pool"], invalid="unknown")
    lv["file"] = os.path.join(os.path.dirname(origin["file"]), "copy-" + name)
    run("fsfreeze", "-f", origin["mount"])
    try:
        run("cp", "--sparse=always", origin["file"], lv["file"])
    finally:
        run("fsfreeze", "-u", origin["mount"])
    attach(lv)
    state["lvs"].append(lv)


def lvextend(state, args):
    found, rest = options(args)
    lv = find(state, rest[0])
    more = int(found["-l"][0])
    if more > free(state, lv["vg"]):
        fail("  Insufficient free space: %d extents needed, but only %d available" % (more, free(state, lv["vg"])))
    lv["fill"] = "%.2f" % (float(lv["fill"]) * lv["extents"] / (lv["extents"] + more))
    lv["extents"] += more
    lv["bytes"] = lv["extents"] * state["vgs"][lv["vg"]]["extent_bytes"]


def lvremove(state, args):
    _, rest = options(args)
    for full in rest:
        lv = find(state, full)
        if int(lv.get("busy", "0")) > 0:
            lv["busy"] = str(int(lv["busy"]) - 1)
            return "  Logical volume %s contains a filesystem in use." % full
        if "path" in lv:
            run("losetup", "-d", lv["path"])
        if "file" in lv:
            os.unlink(lv["file"])
        state["lvs"].remove(lv)
    return None


def fake_lv(state, args):
    vg, name, device, file, mount = args[:5]
    number = os.stat(device).st_rdev
    lv = {"vg": vg, "name": name, "bytes": os.path.getsize(file), "attr": "-wi-ao----", "device": [os.major(number), os.minor(number)],
          "path": device, "file": file, "mount": mount}
    lv.update(a.split("=", 1) for a in args[5:])
    state["lvs"].append(lv)


def fake_set(state, args):
    vg, _, name = args[0].partition("/")
    for lv in state["lvs"]:
        if lv["vg"] == vg and lv["name"] == name:
            lv.update(a.split("=", 1) for a in args[1:])
            return
    lv = {"vg": vg, "name": name, "attr": "-wi-a-----", "bytes": 8 * MIB}
    lv.update(a.split("=", 1) for a in args[1:])
    state["lvs"].append(lv)


def change(state, command, args):
    if command == "fake-vg":
        state["vgs"][args[0]] = {"extents": int(args[1]), "extent_bytes": int(args[2]) if len(args) > 2 else 4 * MIB, "missing": 0}
    elif command == "fake-missing":
        state["vgs"][args[0]]["missing"] = int(args[1])
    elif command == "fake-lv":
        fake_lv(state, args)
    elif command == "fake-set":
        fake_set(state, args)
    elif command == "fake-fail":
        state["fail"][args[0]] = args[1]
    elif command in ("lvcreate", "lvextend", "lvremove"):
        state["log"].append(command + " " + " ".join(args))
        return {"lvcreate": lvcreate, "lvextend": lvextend, "lvremove": lvremove}[command](state, args)
    else:
        fail("  No such command '%s'." % command, 2)
    return None


def main():
    path, command, args = sys.argv[1], sys.argv[2], sys.argv[3:]
    with open(path, "a+") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        f.seek(0)
        text = f.read()
        state = json.loads(text) if text else {"vgs": {}, "lvs": [], "fail": {}, "log": []}
        if state["fail"].get(command):
            fail(state["fail"][command])
        if command in ("lvs", "vgs"):
            return {"lvs": lvs, "vgs": vgs}[command](state, args)
        if command == "fake-log":
            return print("\n".join(state["log"]))
        why = change(state, command, args)
        f.seek(0)
        f.truncate()
        json.dump(state, f)
    if why:
        fail(why)
    return None


if __name__ == "__main__":
    main()
