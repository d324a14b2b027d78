// What visitors get of the store's answers. nginx can hide headers by name, but not all except some; and of the
// nginx programs that the stacks run one has no gunzip module. njs, nginx's JavaScript, is in all of them.
import zlib from 'zlib';

const PASSED = ['content-encoding', 'content-length', 'content-range', 'content-type', 'etag', 'last-modified'];
const GZIP_HEAD = 10; // bytes, where no flag announces more: https://www.rfc-editor.org/rfc/rfc1952#section-2.3
const GZIP_TAIL = 8;

// A visitor has a script of its own, or at least one that headers() has made as new.
let fate = 'pass';
let packed = [];

function headers(r) {
    fate = decide(r);
    packed = [];
    for (const name in r.headersOut) {
        if (fate === 'refuse' || !PASSED.includes(name.toLowerCase())) {
            delete r.headersOut[name];
        }
    }
    if (fate === 'refuse') {
        r.status = 502;
        return;
    }
    if (isPacked(r)) {
        r.headersOut['Vary'] = 'Accept-Encoding';
    }
    if (fate === 'unpack') {
        delete r.headersOut['Content-Encoding'];
        delete r.headersOut['Content-Length'];
        const tag = r.headersOut['ETag'];
        if (tag && !tag.startsWith('W/')) {
            r.headersOut['ETag'] = `W/${tag}`;
        }
    }
}

function body(r, data, flags) {
    if (fate === 'refuse') {
        r.sendBuffer('', flags);
    } else if (fate === 'unpack') {
        packed.push(data);
        if (flags.last) {
            r.sendBuffer(unpack(Buffer.concat(packed)), flags);
        }
    } else {
        r.sendBuffer(data, flags);
        r.done();
    }
}

function decide(r) {
    const said = r.variables.upstream_status; // empty where the cache answers, which keeps 200 alone
    if (said && !/\b200$/.test(said)) { // the last of the addresses that were tried
        return 'refuse';
    }
    return isPacked(r) && !takesGzip(r) ? 'unpack' : 'pass';
}

function isPacked(r) {
    return (r.headersOut['Content-Encoding'] || '').toLowerCase() === 'gzip';
}

function takesGzip(r) {
    const accepted = (r.headersIn['Accept-Encoding'] || '').toLowerCase().split(',');
    return accepted.some((each) => /^\s*(x-)?gzip\s*($|;)/.test(each) && !/;\s*q=0(\.0*)?\s*$/.test(each));
}

function unpack(whole) {
    if (whole[0] !== 0x1f || whole[1] !== 0x8b || whole[3] !== 0) {
        throw new Error('this gzip has a head of a kind that no publisher writes');
    }
    return zlib.inflateRawSync(whole.slice(GZIP_HEAD, whole.length - GZIP_TAIL));
}

export default {headers, body};
