/**
 * The part that all scripts share. Two traps it avoids: awk's `-v` would read escapes, so texts go in by the
 * environment; a record separator that does not occur hands awk the whole file, with or without a last newline.
 */
export const BODY = String.raw`
LC_ALL=C
export LC_ALL
umask 077

say() { printf '%s\n' "$*" >&2; }
stop() { say "$2"; exit "$1"; }

for tool in awk cmp cp ls mkdir mv rm rmdir; do
  command -v "$tool" >/dev/null || stop 2 "needs a program that is not there: $tool"
done

# Prints "from", "to" or "neither": which of the two texts is in the file, exactly once, with the other not at all.
COUNT='
function count(text, part,   n, at, rest) {
  n = 0; rest = text
  while ((at = index(rest, part)) > 0) { n++; rest = substr(rest, at + 1) }
  return n
}
BEGIN { RS = "\001" }
{ file = $0; records++ }
END {
  if (records != 1) { print "neither"; exit }
  from = count(file, ENVIRON["WD_FROM"]); to = count(file, ENVIRON["WD_TO"])
  print (from == 1 && to == 0) ? "from" : (from == 0 && to == 1) ? "to" : "neither"
}'

# Prints the file with the one text in the place of the other.
SWAP='
BEGIN { RS = "\001"; ORS = "" }
{
  at = index($0, ENVIRON["WD_FROM"])
  print substr($0, 1, at - 1) ENVIRON["WD_TO"] substr($0, at + length(ENVIRON["WD_FROM"]))
}'

# Kind, mode, owner and group of a file, as one line.
meta_of() { ls -lnd "$1" | awk 'NR == 1 { print $1, $3, $4 }'; }
links_of() { ls -lnd "$1" | awk 'NR == 1 { print $2 }'; }

state_of() { WD_FROM=$2 WD_TO=$3 awk "$COUNT" "$1"; }
swap() { WD_FROM=$2 WD_TO=$3 awk "$SWAP" "$1"; }

# No part of the way from the root to the file may be a link: it could lead anywhere by now.
plain_path() {
  at=$1
  rest=$2
  while [ -n "$rest" ]; do
    part=${"${rest%%/*}"}
    case $rest in */*) rest=${"${rest#*/}"} ;; *) rest= ;; esac
    at=$at/$part
    [ ! -L "$at" ] || stop 3 "refused, a link: $at"
  done
  [ -f "$at" ] || stop 3 "refused, no such file: $at"
  [ -r "$at" ] && [ -w "$at" ] || stop 3 "refused, not readable and writable: $at"
  [ "$(links_of "$at")" = 1 ] || stop 3 "refused, has another hard link: $at"
}

step() {
  number=$((number + 1))
  file=$1/$2
  folder=${"${file%/*}"}
  case $pass in
    look) look "$@" ;;
    do) change "$@" ;;
    confirm) [ "$(state_of "$file" "$3" "$4")" = to ] || stop 4 "was changed by another meanwhile: $file" ;;
  esac
}

look() {
  plain_path "$1" "$2"
  state=$(state_of "$file" "$3" "$4") || stop 3 "refused, cannot be read: $file"
  case $state in
    from) say "$number to do: $file" ;;
    to) say "$number done already: $file" ;;
    *) stop 3 "refused, changed since this was written: $file" ;;
  esac
}

change() {
  if [ "$number" -gt "$last" ]; then return 0; fi
  work=$folder/$WORK
  # Left by a run that was cut off; it is ours by its name, and never a link.
  if [ -d "$work" ] && [ ! -L "$work" ]; then rm -f "$work/file" && rmdir "$work" || stop 4 "cannot remove: $work"; fi
  if [ "$(state_of "$file" "$3" "$4")" != from ]; then return 0; fi
  mkdir "$work" || stop 4 "cannot make: $work"
  if cp -p "$file" "$work/file" && swap "$file" "$3" "$4" >"$work/file" &&
    swap "$work/file" "$4" "$3" | cmp -s - "$file" &&
    [ "$(meta_of "$work/file")" = "$(meta_of "$file")" ]; then
    mv -f "$work/file" "$file" || abandon "cannot replace: $file"
  else
    abandon "cannot be changed so that it can be undone: $file"
  fi
  rmdir "$work" || stop 4 "cannot remove: $work"
  say "$number done: $file"
}

abandon() {
  rm -f "$work/file"
  rmdir "$work"
  stop 4 "$1"
}

home=
workspace=
only_look=no
last=999999
while [ $# -gt 0 ]; do
  case $1 in
    --check) only_look=yes ;;
    --home | --workspace | --stop-after)
      [ $# -ge 2 ] || stop 2 "$1 needs a value"
      case $1 in
        --home) home=$2 ;;
        --workspace) workspace=$2 ;;
        --stop-after) last=$2 ;;
      esac
      shift
      ;;
    *) stop 2 "unknown argument: $1" ;;
  esac
  shift
done
case $last in '' | *[!0-9]*) stop 2 "--stop-after needs a number" ;; esac
for need in $NEEDS; do
  case $need in
    home) root=$home ;;
    workspace) root=$workspace ;;
  esac
  [ -n "$root" ] && [ -d "$root" ] || stop 2 "--$need must name a directory"
done
# Absolute, so that no name can be taken for an option or, by awk, for an assignment.
case $home in '' | /*) ;; *) home=$PWD/$home ;; esac
case $workspace in '' | /*) ;; *) workspace=$PWD/$workspace ;; esac

run() {
  pass=$1
  number=0
  steps
}
run look
if [ "$only_look" = yes ]; then exit 0; fi
run do
if [ "$last" -ge "$number" ]; then run confirm; fi
exit 0
`;
