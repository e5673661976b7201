"""Reading a .skops file that may have been made by an enemy.

Three gates, in this order: the archive (sizes, so that a small file cannot fill the memory), the schema (every node has a name that is
reviewed for its role, see trust.py; tree constructors have honest sizes), and after loading the content (safety.py).
The bytes that are audited are the bytes that are loaded.
"""

from __future__ import annotations

import io
import json
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from modelglass.analysis.errors import AnalysisError, InputError
from modelglass.analysis.models.trees import Damaged
from modelglass.analysis.models.trust import PARTIAL_OF, reviewed, untrusted

SCHEMA = "schema.json"
MOST_SCHEMA = 256 * 2**20
MOST_BYTES = 4 * 2**30
MOST_RATIO = 200
FREE_BYTES = 256 * 2**20
DAMAGED = "The file is damaged or was tampered with: save the model again and use that file."
REBUILT = {
    f"sklearn.neighbors.{m}.{n}"
    for m, t in (("_kd_tree", "KDTree"), ("_ball_tree", "BallTree"))
    for n in (t, t + "32", t + "64")
}
"""Search trees hold raw indices: they are cut out here and built again from the data they index (safety.py)."""

Node = dict[str, Any]


def load_skops(data: bytes, file: str, trust_types: Sequence[str] = ()) -> tuple[Any, list[str]]:
    """Load the object of a skops file.

    Parameters
    ----------
    data : bytes
        The whole file.
    file : str
        Its name, for messages.
    trust_types : sequence of str
        Qualified names the person vouches for, in addition to the reviewed list.

    Returns
    -------
    (object, list of str)
        The object, its content not yet checked, and notes (a version that differs, say).

    Raises
    ------
    InputError
        Not a skops file, damaged, too large, or holding a type outside the list.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            schema = _read_schema(archive, file)
            _cut_search_trees(schema)
            _check_sizes(archive, schema, len(data))
            names = _audit(archive, schema, file, frozenset(trust_types))
            safe = _repacked(archive, schema)
        return _construct(safe, sorted(names))
    except AnalysisError:
        raise
    except Damaged as error:
        raise InputError("Expected a whole skops file.", f"In {file} {error}.", DAMAGED) from None
    except zipfile.BadZipFile as error:
        raise InputError(
            "Expected a skops file (a zip archive with a schema.json).",
            f"{file} is not one, or is cut short: {error}.",
            "Save the model again with skops.io.dump.",
        ) from None
    except MemoryError:
        raise InputError("Expected a skops file that fits into memory.", f"{file} does not.", DAMAGED) from None
    except Exception as error:  # noqa: BLE001  the content decides what skops and scikit-learn raise
        detail = str(error).split("\n")[0][:200]
        raise InputError(
            "Expected a whole skops file.",
            f"{file} cannot be read: {type(error).__name__}: {detail}.",
            "Save the model again, with the versions of scikit-learn and skops that are installed here.",
        ) from None


def _read_schema(archive: zipfile.ZipFile, file: str) -> Node:
    if SCHEMA not in archive.namelist():
        raise InputError(
            "Expected a skops file: a zip archive that holds schema.json.",
            f"{file} is a zip archive without it.",
            "Save the model with skops.io.dump.",
        )
    if archive.getinfo(SCHEMA).file_size > MOST_SCHEMA:
        raise Damaged(f"the schema is larger than {MOST_SCHEMA // 2**20} MB")
    schema = json.loads(archive.read(SCHEMA))
    if not isinstance(schema, dict) or "__loader__" not in schema:
        raise Damaged("the schema describes no object")
    if type(schema.get("protocol")) is not int or schema["protocol"] < 1:
        raise Damaged("the protocol is too old (skops 0.6 or newer writes the ones that can be checked)")
    return schema


def _nodes(schema: Node) -> Iterator[Node]:
    """Give every skops node of the schema, reachable or not, without recursion."""
    stack: list[Any] = [schema]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            if "__loader__" in item:
                yield item
            stack.extend(v for v in item.values() if isinstance(v, (dict, list)))
        else:
            stack.extend(v for v in item if isinstance(v, (dict, list)))


def _cut_search_trees(schema: Node) -> None:
    for node in _nodes(schema):
        if node["__loader__"] == "ObjectNode" and f"{node.get('__module__')}.{node.get('__class__')}" in REBUILT:
            kept = node.get("__id__")
            node.clear()
            node.update(__class__="str", __module__="builtins", __loader__="JsonNode", content="null", __id__=kept)


def _check_sizes(archive: zipfile.ZipFile, schema: Node, file_bytes: int) -> None:
    """Refuse what would unpack to far more than the file could honestly hold."""
    sizes = {info.filename: info.file_size for info in archive.infolist()}
    if len(sizes) != len(archive.infolist()):
        raise Damaged("two parts have the same name")
    _check_total(sum(sizes.values()), file_bytes)
    read = {}
    for node in _nodes(schema):
        if "file" in node:
            part = node["file"]
            if not isinstance(part, str) or part not in sizes:
                raise Damaged("a part is missing")
            read[repr(node.get("__id__") or id(node)), part] = _unpacked(archive, part, sizes[part], node["__loader__"])
    _check_total(sum(sizes.values()) + sum(read.values()), file_bytes)


def _check_total(total: int, file_bytes: int) -> None:
    if total > MOST_BYTES or total > max(FREE_BYTES, MOST_RATIO * file_bytes):
        raise Damaged(f"{file_bytes:,} bytes would unpack to {total:,}")


def _unpacked(archive: zipfile.ZipFile, part: str, size: int, loader: Any) -> int:
    """Bytes of a part in memory; a sparse array is an archive of its own inside."""
    if loader != "SparseMatrixNode":
        return size
    with zipfile.ZipFile(archive.open(part)) as inner:
        return sum(info.file_size for info in inner.infolist())


def _name(node: Node) -> str:
    """Qualified name that a node builds, as skops itself writes it."""
    content = node.get("content")
    if node["__loader__"] == "MethodNode" and isinstance(content, dict) and isinstance(content.get("obj"), dict):
        owner = content["obj"]
        return f"{owner.get('__module__')}.{owner.get('__class__')}.{content['func']}"
    return f"{node.get('__module__')}.{node.get('__class__')}"


def _audit(archive: zipfile.ZipFile, schema: Node, file: str, vouched: frozenset[str]) -> set[str]:
    """Check each node against the reviewed list; give the names that skops must be told to trust."""
    names: set[str] = set()
    refused: set[str] = set()
    kinds: dict[str, tuple[Any, Any, Any]] = {}
    for node in _nodes(schema):
        kind = (node["__loader__"], node.get("__module__"), node.get("__class__"))
        if not all(isinstance(k, str) for k in kind):
            raise Damaged("a node of the schema has no name")
        if node.get("__id__") and kinds.setdefault(repr(node["__id__"]), kind) != kind:
            raise Damaged("two different objects claim to be one")
        name = _name(node)
        names.add(name)
        if node["__loader__"] == "MethodNode":
            names.add(f"{kind[1]}.{kind[2]}")
        if name not in vouched and not _in_role(node, name):
            refused.add(name)
        if node["__loader__"] == "TreeNode":
            _check_tree_sizes(archive, node)
    if refused:
        raise untrusted(file, sorted(refused))
    return names


def _in_role(node: Node, name: str) -> bool:
    loader = node["__loader__"]
    if not reviewed(loader, name):
        return False
    if loader == "PartialNode":
        function = node["content"]["func"]
        return function["__loader__"] == "FunctionNode" and _name(function) in PARTIAL_OF
    if loader == "DTypeNode":
        return node["content"]["__loader__"] == "NdArrayNode"
    return True


def _check_tree_sizes(archive: zipfile.ZipFile, node: Node) -> None:
    """Check the arguments that the compiled constructor of a tree follows blindly, and let nothing be put in their place."""
    args = node["__reduce__"]["args"]
    if args["__loader__"] != "TupleNode" or [a["__loader__"] for a in args["content"]] != [
        "JsonNode",
        "NdArrayNode",
        "JsonNode",
    ]:
        raise Damaged("a tree is built from something that is not its sizes")
    features, classes, outputs = args["content"]
    if classes.get("type") != "numpy":
        raise Damaged("the number of classes of a tree is not an array")
    counts = np.load(io.BytesIO(archive.read(classes["file"])), allow_pickle=False)
    n_features, n_outputs = json.loads(features["content"]), json.loads(outputs["content"])
    if type(n_features) is not int or type(n_outputs) is not int or n_features < 1:
        raise Damaged("the sizes of a tree are not whole numbers")
    if counts.ndim != 1 or counts.dtype.kind not in "iu" or len(counts) != n_outputs or not len(counts):
        raise Damaged("a tree's classes and outputs do not agree")
    if counts.min() < 1 or counts.max() > 10**6:
        raise Damaged("a tree has an impossible number of classes")
    for part in (args, *args["content"]):
        part.pop("__id__", None)


def _repacked(archive: zipfile.ZipFile, schema: Node) -> bytes:
    """Give the archive again with the schema as it was audited."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as out:
        for info in archive.infolist():
            out.writestr(info.filename, json.dumps(schema) if info.filename == SCHEMA else archive.read(info))
    return buffer.getvalue()


def _construct(data: bytes, names: list[str]) -> tuple[Any, list[str]]:
    """Let skops build the object, and turn what scikit-learn warns of into notes."""
    import skops.io
    from sklearn.exceptions import InconsistentVersionWarning

    notes: dict[str, None] = {}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        loaded = skops.io.loads(data, trusted=names)
    for warning in caught:
        message = warning.message
        if isinstance(message, InconsistentVersionWarning):
            notes[version_note(message)] = None
    return loaded, list(notes)


def version_note(warning: Any) -> str:
    """Say which scikit-learn wrote a model that another one reads."""
    return (
        f"The model was saved with scikit-learn {warning.original_sklearn_version}; {warning.current_sklearn_version} is installed here. "
        "Its predictions may differ from those it gave when it was made."
    )
