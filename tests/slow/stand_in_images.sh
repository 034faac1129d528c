#!/usr/bin/env bash
# Stand-ins for the images that kubeflow/Dockerfile begins with, where none can be pulled: Debian 13 with its own Python,
# reaching package registries as this machine does, and a boot program of Beam's that only says so. Needs root, Debian's
# keys, debootstrap and podman: tests/slow/stand_in_images.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=$(mktemp --directory)
trap 'rm -rf "$folder"' EXIT

debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates,libgomp1 trixie "$folder/debian"
ln -s python3 "$folder/debian/usr/bin/python"
for file in /etc/pip.conf /etc/ssl/certs/ca-certificates.crt; do
  [ ! -e "$file" ] || cp -L "$file" "$folder/debian$file"
done
mkdir -p "$folder/beam/opt/apache/beam"
printf '#!/bin/sh\necho "a stand-in for the boot program of Beam" >&2\nexit 1\n' > "$folder/beam/opt/apache/beam/boot"
chmod +x "$folder/beam/opt/apache/beam/boot"

sed -n 's/^FROM \([^ ]*\).*/\1/p' kubeflow/Dockerfile | sort -u | while IFS= read -r image; do
  case $image in apache/beam*) system=beam ;; *) system=debian ;; esac
  tar -C "$folder/$system" -c . | podman import --quiet - "localhost/$image"
done
