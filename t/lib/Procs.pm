# t/lib/Procs.pm - facts about processes, from /proc
package Procs;
use v5.36;
use POSIX ();

my $machine = (POSIX::uname())[4];
my %PRCTL   = (x86_64 => 157, aarch64 => 167, riscv64 => 167);
use constant { PR_SET_PDEATHSIG => 1, PR_SET_CHILD_SUBREAPER => 36, SIGTERM => 15 };

sub prctl ($option, $value) {
    my $number = $PRCTL{$machine} // return;
    return syscall $number, $option, $value, 0, 0, 0;
}

# This process gets SIGTERM when the one that forked it ends: no server outlives a killed test.
sub die_with_parent { return prctl(PR_SET_PDEATHSIG, SIGTERM) }

# What a descendant leaves behind (a daemon, an upgraded master) becomes our child, so that it can be
# waited for and is never lost.
sub adopt_orphans { return prctl(PR_SET_CHILD_SUBREAPER, 1) }

sub slurp ($path) {
    open my $file, '<', $path or return;
    local $/;
    return scalar <$file>;
}

# The kernel may skip some when one of them ends while it lists them: those that any of two lists has.
sub children ($pid) {
    my %children;
    for my $task ((glob "/proc/$pid/task/*/children") x 2) {
        $children{$_} = 1 for split ' ', slurp($task) // '';
    }
    my @children = sort { $a <=> $b } keys %children;
    return @children;
}

sub descendants ($pid) {
    return map { ($_, descendants($_)) } children($pid);
}

# The process title, without its padding; '' for one that is gone.
sub title ($pid) {
    my $title = slurp("/proc/$pid/cmdline") // '';
    $title =~ s/\0+\z//;
    $title =~ tr/\0/ /;
    $title =~ s/\s+\z//;
    return $title;
}

# One letter (R S D Z ...), '' for a process that is gone.
sub run_state ($pid) {
    my ($letter) = (slurp("/proc/$pid/stat") // '') =~ /\) (\S)/;
    return $letter // '';
}

sub alive ($pid) { return run_state($pid) !~ /\A[ZX]?\z/ }

# Is it in epoll_wait (or a relative) now? True also where the kernel does not tell. (-1 is no system call: a page
# that has to be fetched, a stop.)
my %EPOLL = map { $_ => 1 } $machine eq 'x86_64' ? (232, 281, 441) : (22, 441);

sub waits_for_events ($pid) {
    my ($call) = (slurp("/proc/$pid/syscall") // '') =~ /\A(\S+)/ or return 1;
    return $EPOLL{$call} // 0;
}

# Seconds of the processor that it has used.
my $ticks = POSIX::sysconf(POSIX::_SC_CLK_TCK());

sub processor_time ($pid) {
    my ($user, $system) = (slurp("/proc/$pid/stat") // '') =~ /\) \S(?: \S+){10} (\d+) (\d+)/ or return 0;
    return ($user + $system) / $ticks;
}

sub status_field ($pid, $name) {
    my ($value) = (slurp("/proc/$pid/status") // '') =~ /^\Q$name\E:\s*(.*)$/m;
    return $value;
}

sub uid ($pid) { return (split ' ', status_field($pid, 'Uid') // '')[1] }
sub fds ($pid) { return map { readlink($_) // () } glob "/proc/$pid/fd/*" }

1;
