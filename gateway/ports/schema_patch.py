"""Changes of a branch's settings: a patch is merged into the clinic's document.

The same merge serves PATCH in the API and the `settings` event of a rehearsal.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from gateway.ports.schema_clinic import as_list, check_clinic
from gateway.ports.schema_problems import FieldsError, Finding, kind_of


def merge_branch(document: Mapping[str, Any], branch_id: str, patch: object) -> dict[str, Any]:
    """Return the clinic's document with a branch's fields changed, or raise `InvalidInput`.

    Objects merge field by field, lists and values replace. A tariff whose entries all have
    `from` is appended (an entry of the same date is replaced); one without `from` changes the
    prices of the only entry there is, or replaces dated ones. `null` for `country`, `language`
    or `name_in_messages` goes back to the default. Paths of problems are the patch's.
    """
    try:
        return patch_branch(document, branch_id, patch)
    except FieldsError as error:
        raise error.invalid() from None


def patch_branch(document: Mapping[str, Any], branch_id: str, patch: object) -> dict[str, Any]:
    """Merge as `merge_branch` does, or raise `FieldsError`."""
    if not isinstance(patch, Mapping):
        raise FieldsError([Finding((), f"must be an object; got {kind_of(patch)}")])
    branches = list(document["branches"])
    ids = [branch["id"] for branch in branches]
    if branch_id not in ids:
        raise FieldsError([Finding(("branch",), "the clinic has no branch with this id")])
    if patch.get("id", branch_id) != branch_id:
        raise FieldsError([Finding(("id",), "the id of a branch cannot be changed")])
    index = ids.index(branch_id)
    branches[index] = branch = _merged_branch(branches[index], patch)
    merged = {**document, "branches": branches}
    try:
        check_clinic(merged)
    except FieldsError as error:
        raise FieldsError(_in_patch(item, branch, patch) for item in error.findings) from None
    return copy.deepcopy(merged)


def _in_patch(finding: Finding, branch: Mapping[str, Any], patch: Mapping[str, Any]) -> Finding:
    """Name the field as the patch does: only a tariff that was appended stands elsewhere."""
    path = finding.path[2:]
    if path[:1] == ("tariff",) and len(path) > 1:
        new, index = patch.get("tariff"), path[1]
        if isinstance(new, Mapping):
            path = ("tariff", *(step for step in path[1:] if not isinstance(step, int)))
        elif isinstance(new, list) and isinstance(index, int):
            path = ("tariff", index - len(branch["tariff"]) + len(new), *path[2:])
    return Finding(path, finding.message)


def _merged_branch(branch: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    merged = _merged(branch, patch)
    if "tariff" in patch:
        merged["tariff"] = _merged_tariff(branch.get("tariff", {}), patch["tariff"])
    return merged


def _merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(old)
    for name, value in new.items():
        before = merged.get(name)
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            merged[name] = _merged(before, value)
        else:
            merged[name] = value
    return merged


def _merged_tariff(old: Any, new: Any) -> Any:
    """Append dated prices, change or replace undated ones."""
    entries, added = as_list(old), as_list(new)
    if not isinstance(entries, list) or not isinstance(added, list) or not added:
        return new
    if all(isinstance(entry, Mapping) and entry.get("from") for entry in added):
        dates = [entry["from"] for entry in added]
        kept = [entry for entry in entries if entry.get("from") not in dates]
        return sorted([*kept, *added], key=lambda entry: str(entry.get("from") or ""))
    only = entries[0] if len(entries) == 1 and not entries[0].get("from") else {}
    return {**only, **new} if isinstance(new, Mapping) else new
