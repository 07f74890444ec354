from __future__ import annotations

from xml.etree import ElementTree as ET

import numpy as np
import pytest

from crispim_ij.planes import ome_xml

NAMESPACE = "http://www.openmicroscopy.org/Schemas/OME/2016-06"
PIXELS = (
    '<Pixels ID="Pixels:{n}" DimensionOrder="XYZCT" Type="uint16" SizeX="9" SizeY="8" SizeZ="{z}"'
    ' SizeC="1" SizeT="1"><Channel ID="Channel:{n}:0"/>{data}<Plane TheZ="0" TheC="0" TheT="0"/>'
    "</Pixels>"
)
DATA = '<TiffData IFD="{n}"><UUID FileName="old.tif">urn:uuid:1</UUID></TiffData>'


def xml(z: int = 1, data: str = DATA) -> str:
    """Return an OME-XML with two images and a foreign namespace."""
    images = "".join(
        f'<Image ID="Image:{n}">{PIXELS.format(n=n, z=z, data=data.format(n=n))}'
        f'<ROIRef ID="ROI:{n}"/></Image>'
        for n in range(2)
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><OME xmlns="{NAMESPACE}" UUID="urn:uuid:1" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        f'xsi:schemaLocation="{NAMESPACE} ome.xsd"><Dataset><ImageRef ID="Image:1"/>'
        f'<ImageRef ID="Image:0"/></Dataset>{images}<ROI ID="ROI:0"/></OME>'
    )


def written(text: str, scale: tuple[float, float] = (1.0, 1.0)) -> str:
    return ome_xml.written(text, 1, (8, 9), np.dtype("uint16"), scale).decode()


def test_other_images_and_places_are_left_out() -> None:
    result = written(xml())
    root = ET.fromstring(result)  # noqa: S314 - our own text
    assert [e.get("ID") for e in root.iter(f"{{{NAMESPACE}}}Image")] == ["Image:0"]
    assert [e.get("ID") for e in root.iter(f"{{{NAMESPACE}}}ImageRef")] == ["Image:0"]
    children = [e.tag.rpartition("}")[2] for e in next(root.iter(f"{{{NAMESPACE}}}Pixels"))]
    assert children == ["Channel", "TiffData", "Plane"]
    assert "UUID" not in result
    assert "xsi:schemaLocation" in result
    assert "ROI:0" in result


def test_a_file_of_several_keeps_its_place() -> None:
    result = written(xml(z=5))
    assert 'UUID FileName="old.tif"' in result
    assert 'UUID="urn:uuid:1"' in result


def test_regions_do_not_outlive_a_change_of_size() -> None:
    assert "ROI" not in written(xml(), scale=(4.0, 4.0))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('<!DOCTYPE a [<!ENTITY b "c">]>' + xml(), "DOCTYPE"),
        (xml()[:-9], "damaged"),
        (xml(data=""), "no planes"),
    ],
)
def test_what_is_not_read(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        ome_xml.read(text)
