#!/bin/sh
# Names the one apt-get line for what Paddle, OpenCV and the tests need beside Python, when any of it is missing.
missing=""
has() { ldconfig -p 2>/dev/null | grep -q "$1" || /sbin/ldconfig -p 2>/dev/null | grep -q "$1"; }
has libgomp.so.1 || missing="$missing libgomp1"
has libGL.so.1 || missing="$missing libgl1"
has libgthread-2.0.so.0 || missing="$missing libglib2.0-0"
[ -e /usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf ] || missing="$missing fonts-dejavu-core"
[ -z "$missing" ] && exit 0
echo "Some system libraries are missing. Install them with:"
echo "  apt-get install --no-install-recommends$missing"
exit 1
