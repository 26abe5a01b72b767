#!/bin/sh
# The Dockerfile's base image in buildah's store: pulled, or, where no image registry is reachable, a stand-in of the same name
# made of Debian's packages (a minute, once; needs buildah and debootstrap, and root). Needs no daemon.
set -eu
image=docker.io/library/python:3.11-slim-bookworm
for tool in buildah debootstrap; do
  command -v "$tool" >/dev/null || { echo "make image-check needs: apt-get install --no-install-recommends buildah debootstrap"; exit 1; }
done
buildah inspect --type image "$image" >/dev/null 2>&1 && exit 0
timeout 120 buildah pull --quiet "$image" >/dev/null 2>&1 && exit 0

echo "No image registry is reachable: making a stand-in for $image ..."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
debootstrap --variant=minbase --include=ca-certificates,python3,python3-pip,python3-venv bookworm "$work/root" >"$work/log" 2>&1 ||
  { tail -5 "$work/log"; exit 1; }
# What the real one has and Debian's Python does not: its names under /usr/local, and a pip that may install globally.
ln -sf /usr/bin/python3 "$work/root/usr/local/bin/python"
ln -sf /usr/bin/python3 "$work/root/usr/local/bin/python3"
rm -f "$work"/root/usr/lib/python3*/EXTERNALLY-MANAGED
tar -C "$work/root" -cf "$work/rootfs.tar" .
printf 'FROM scratch\nADD rootfs.tar /\nENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin\nCMD ["python3"]\n' >"$work/Dockerfile"
buildah bud --quiet --tag "$image" "$work" >/dev/null
