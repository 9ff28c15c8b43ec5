# t/etc/guides.t - what the guides in etc/doc show can be copied: each block is a configuration that loads
use Site;
use Certs;

my $dir = File::Temp->newdir;
Certs::make("$dir", $_) for qw(www api ca);
Certs::write_file("$dir/proxy_params", Procs::slurp('etc/proxy_params'));

# Indented text of directives; that of shells has a prompt.
sub blocks ($text) {
    return grep { /\A *[a-z]/ && /;/ } $text =~ /(?<=\n\n)((?:(?: {4}.*)?\n)+)/g;
}

for my $guide (qw(origins tls)) {
    my @found = blocks(Procs::slurp("etc/doc/$guide.md"));
    ok @found > 0, "$guide.md shows something";
    for my $block (@found) {
        my $name = $block =~ s/\A\s*|\n.*//gsr;
        my %place = ('listen 443' => 'listen %PORT%', 'listen 80' => 'listen %PORT2%', '/etc/ssl' => $dir,
                     'include proxy_params' => "include $dir/proxy_params");
        my $conf = $block =~ s/(listen 443|listen 80|\/etc\/ssl|include proxy_params)\b/$place{$1}/gr;
        my $result = Site->test_config($name =~ /\Aerror_page/ ? "server { $conf }" : $conf);
        is $result->{exit}, 0, "$guide.md: $name" or diag $result->{stderr};
    }
}
done_testing;
