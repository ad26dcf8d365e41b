"""What others wrote stands in the repository exactly as they published it."""

from tools import vendor


def test_every_vendored_file_has_the_hash_that_vendor_toml_names():
    for entry in vendor.entries():
        assert vendor.wrong(entry, (vendor.VENDOR / entry["path"]).read_bytes()) == ""


def test_a_changed_vendored_file_is_noticed():
    entry = vendor.entries()[0]
    changed = (vendor.VENDOR / entry["path"]).read_bytes() + b"\n"
    assert "expected" in vendor.wrong(entry, changed)


def test_nothing_stands_in_the_vendor_folder_without_an_entry():
    named = {entry["path"] for entry in vendor.entries()} | {"vendor.toml"}
    assert {path.name for path in vendor.VENDOR.iterdir()} == named


def test_the_script_is_content_with_the_files_as_committed():
    assert vendor.main([]) == 0
