# t/proxy/force_ranges.t - parts cut out of answers whose origin does not do it, as nginx cuts them
use Site;
use Differential;

my $text = join '', 'a' .. 'z';
my @asked = ('bytes=0-3', 'bytes=5-', 'bytes=-4', 'bytes=900-', 'bytes=0-0,2-3', 'bytes=2-3,0-0', 'bytes=x', 'lines=0-3');
my @requests;
for my $uri ('/plain', '/says', '/none', '/nolength', '/e404', '/partial', '/off/plain', '/off/says', '/app/plain', '/empty') {
    push @requests, "GET $uri", map { ["GET $uri", Range => $_] } @asked;
    push @requests, map { ["GET $uri", Range => 'bytes=0-3', 'If-Range' => $_] } '"tag"', '"other"', 'W/"tag"',
        'Tue, 01 Jan 2019 00:00:00 GMT', 'Wed, 02 Jan 2019 00:00:00 GMT';
}
push @requests, map { ["HEAD /plain", Range => $_] } @asked[0, 3];
push @requests, ['POST /plain', { body => 'x' }, Range => 'bytes=1-2'];
my @dated = (ETag => '"tag"', 'Last-Modified' => 'Tue, 01 Jan 2019 00:00:00 GMT');
sub answers ($site) {
    for my $prefix ('', '/off', '/app') {
        my $origin = $site->origin($prefix eq '/app' ? 'fastcgi' : 1);
        my @length = $prefix eq '/app' ? (length => 26) : ();
        $origin->answer("$prefix/plain", body => $text, headers => [@dated], @length);
        $origin->answer("$prefix/says", body => $text, headers => [@dated, 'Accept-Ranges' => 'bytes']);
        next if $prefix eq '/app';
        $origin->answer("$prefix/none", body => $text, headers => ['Accept-Ranges' => 'none']);
        $origin->answer("$prefix/nolength", body => $text, headers => [@dated], no_length => 1);
        $origin->answer("$prefix/e404", status => 404, body => $text);
        $origin->answer("$prefix/partial", status => 206, body => 'bcd', headers => ['Content-Range' => 'bytes 1-3/26']);
        $origin->answer("$prefix/empty", body => '');
    }
}
differential_ok(<<'CONF', \@requests, prepare => \&answers);
    fastcgi_param REQUEST_METHOD $request_method;
    fastcgi_param REQUEST_URI $request_uri;
    server {
        listen %PORT%;
        proxy_force_ranges on;
        fastcgi_force_ranges on;
        location / { proxy_pass http://%ORIGIN%; }
        location /off { proxy_force_ranges off; proxy_pass http://%ORIGIN%; }
        location /app { fastcgi_pass %FASTCGI%; }
    }
CONF
done_testing;
