#!/usr/bin/env bash
# Fails on an #include that its room's deps.txt does not allow, on a dependency that runs against
# base → engine → pipeline → centre → cli, and on a stage that knows another stage.
set -euo pipefail
cd "$(dirname "$0")/../src"

find . -name deps.txt -o -name '*.h' -o -name '*.cc' | sed 's|^\./||' | LC_ALL=C sort | awk '
  BEGIN { rank["base"] = 1; rank["engine"] = 2; rank["pipeline"] = 3; rank["centre"] = 4; rank["cli"] = 5 }
  function room_of(path,   part, n) {
    n = split(path, part, "/")
    return part[1] == "cli" ? "cli" : part[1] "/" part[2]
  }
  function complain(text) { print text; bad = 1 }
  $0 ~ /deps\.txt$/ {
    file = $0; room = room_of(file); known[room] = 1
    while ((getline line < file) > 0) {
      sub(/#.*/, "", line); gsub(/[ \t]/, "", line)
      if (line == "" || line ~ /^@/) continue
      allowed[room, line] = 1
      split(room, mine, "/"); split(line, theirs, "/")
      if (rank[theirs[1]] > rank[mine[1]]) complain(file ": " line " lies above " room)
      if (mine[1] == "pipeline" && theirs[1] == "pipeline") complain(file ": stage " room " depends on stage " line)
    }
    close(file); next
  }
  { sources[++count] = $0 }
  END {
    for (i = 1; i <= count; ++i) {
      file = sources[i]; room = room_of(file); number = 0
      if (!(room in known)) { complain(file ": " room " has no deps.txt"); continue }
      while ((getline line < file) > 0) {
        ++number
        if (line !~ /^[ \t]*#[ \t]*include[ \t]*"/) continue
        split(line, quoted, "\""); target = room_of(quoted[2])
        if (target == room || quoted[2] == "version_values.h") continue
        if (!((room, target) in allowed))
          complain("src/" file ":" number ": includes " quoted[2] " but " room "/deps.txt does not list " target)
      }
      close(file)
    }
    exit bad
  }'
