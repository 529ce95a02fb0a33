# Ends servers and removes their directories: sh sweep.sh TOP KEEP [DIR...]
# Without DIRs: all servers below TOP, and TOP itself. KEEP=keep leaves the files.
# Each server has written its process group and the signal to begin with to DIR/group.
trap '' HUP INT TERM
cat >/dev/null # until the test binary closes the pipe, or is gone

top=$1 keep=$2
shift 2
dirs=$*
[ -n "$dirs" ] || dirs=$(echo "$top"/*/)

# each FUNCTION: call it with the process group and the stop signal of every server.
each() {
  for dir in $dirs; do
    [ -s "$dir/group" ] && read -r group signal <"$dir/group" && "$1"
  done
}
# PostgreSQL's children are groups of their own, and if they are frozen nobody else wakes them.
thaw() { kill -s CONT -- "-$group" $(cat "/proc/$group/task/$group/children"); }
stop() { kill -s "$signal" -- "-$group"; }
destroy() { kill -s KILL -- "-$group" $(cat "/proc/$group/task/$group/children"); }
collect() { groups="$groups$group "; }
running() { # zombies do not count: whoever must bury them may never do so
  cat /proc/[0-9]*/stat | awk -v groups="$groups" '
    { sub(/^.*\) /, "") } # "pid (name) ", and the name may hold anything; then state, parent, group
    $1 != "Z" && index(groups, " " $3 " ") { n++ }
    END { exit n == 0 }'
}
await() { # up to 10 s
  tries=200
  while [ $tries -gt 0 ] && running; do
    sleep 0.05
    tries=$((tries - 1))
  done
}

groups=" "
each collect
each thaw
each stop
await
each destroy
await

for dir in $dirs; do # a killed PostgreSQL leaves a shared memory segment: pid file, line 7
  segment=$(sed -n '7s/.* //p' "$dir/data/postmaster.pid")
  [ -z "$segment" ] || ipcrm -m "$segment"
done

[ "$keep" != keep ] || exit 0
[ $# -gt 0 ] || dirs=$top
# Postfix' queue belongs to subordinate ids if an ordinary user ran it, and what was killed last may
# have made one more file.
for attempt in 1 2 3; do
  { rm -rf $dirs || unshare --user --map-root-user --map-auto rm -rf $dirs; } && break
  sleep 0.1
done
