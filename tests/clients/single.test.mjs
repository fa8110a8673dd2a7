// One property at a time: POST with a Slug, PUT with and without an etag, `abort`, verbs in disguise, values that are
// too long to be shown, and errors as the package hands them out.

import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { it } from 'node:test';
import {
    ETAG, SHOWN, admin, batch, follow, item, many, newFile, newProperties, once, one, refused, rejection, send, suite,
    text
} from './client.mjs';

const STALE = /^Given ETag '.*' for resource id '\d+' does not match ETag for HEAD revision\.$/;
const THERE = "A property named 'p' already exists.";
const NEITHER = 'Property does not exist and cannot be created';
const UNEXPECTED = 'Received an unexpected etag on a new property addition';

/** The properties of a new file, with `p` among them, and what is known of `p`. */
async function withOne(value = 'v') {
    const properties = await newProperties();
    return { properties, p: await one(properties.at('p').put(value, 'text/plain')) };
}

/** The plug sends this etag, if any. */
function seen(plug, etag) {
    return etag === undefined ? plug : plug.withHeader('ETag', etag);
}

suite('creating by POST', () => {
    /** A POST of `p`. */
    const post = (properties) => properties.withHeader('Slug', 'p').post('w', 'text/plain');

    it('the name comes in the header Slug', async () => {
        const properties = await newProperties();
        const made = await one(properties.withHeader('Slug', 'iscopyright').post('no', 'text/plain'));
        assert.equal(made.name, 'iscopyright');
        assert.match(made.etag, ETAG);
        assert.equal(made.contents.text, 'no');
        assert.equal(await text(properties.at('iscopyright').get()), 'no');
    });

    it('a Slug is decoded once', async () => {
        const names = ['urn:custom.mindtouch.com#größe', 'a b', 'a+b', '100%', '%41', 'a/b?c', '..'];
        const properties = await newProperties();
        for (const name of names) {
            assert.equal((await one(properties.withHeader('Slug', once(name)).post('v', 'text/plain'))).name, name);
        }
        assert.deepEqual((await many(properties.get())).names, names);
    });

    it('a Slug may come as it is', async () => {
        const name = 'urn:custom.mindtouch.com#name';
        const properties = await newProperties();
        assert.equal((await one(properties.withHeader('Slug', name).post('v', 'text/plain'))).name, name);
    });

    it('without a Slug it is 400', async () => {
        const properties = await newProperties();
        const message = "Use header 'Slug' to indicate the name of the property";
        await refused(properties.post('v', 'text/plain'), 400, message);
    });

    it('what is there is not overwritten', async () => {
        const { properties } = await withOne();
        await refused(post(properties), 409, THERE);
        await refused(post(properties.withParam('abort', 'exists')), 409, THERE);
        assert.equal(await text(properties.at('p').get()), 'v');
    });

    it('abort=never overwrites, whatever the etag', async () => {
        const { properties, p } = await withOne();
        assert.notEqual((await one(post(properties.withParam('abort', 'never')))).etag, p.etag);
        await post(seen(properties.withParam('abort', 'never'), '1.r1_ts2009-03-20T23:52:50Z'));
        assert.equal(await text(properties.at('p').get()), 'w');
    });

    it('abort=modified overwrites what the etag is of', async () => {
        const { properties, p } = await withOne();
        const modified = properties.withParam('abort', 'modified');
        await refused(post(modified), 409, STALE);
        await post(seen(modified, p.etag));
        await refused(post(seen(modified, p.etag)), 409, STALE);
    });

    it('abort=modified with an etag wants something there', async () => {
        const properties = await newProperties();
        const modified = properties.withParam('abort', 'modified');
        await refused(post(seen(modified, '1.r1_ts2009-03-20T23:52:50Z')), 409, UNEXPECTED);
        assert.equal((await one(post(modified))).name, 'p');
    });
});

suite('setting by PUT', () => {
    /** A PUT of `p`. */
    const put = (properties, parameters = {}, etag) => {
        return seen(properties.at('p').withParams(parameters), etag).put('w', 'text/plain');
    };
    const strange = '1.r1_ts2009-03-20T23:52:50Z';

    it('without an etag it creates', async () => {
        const properties = await newProperties();
        assert.match((await one(put(properties))).etag, /\.r1_ts/);
        assert.equal(await text(properties.at('p').get()), 'w');
    });

    it('with an etag it changes what is there', async () => {
        const { properties, p } = await withOne();
        const changed = await one(put(properties, {}, p.etag));
        assert.match(changed.etag, /\.r2_ts/);
        assert.equal(changed.contents.text, 'w');
    });

    it('an etag is taken bare, in quotes, and from the query', async () => {
        const { properties, p } = await withOne();
        const second = await one(put(properties, {}, `"${p.etag}"`));
        const third = await one(put(properties, { etag: second.etag }));
        assert.match((await one(put(properties, { etag: `"${third.etag}"` }))).etag, /\.r4_ts/);
    });

    it('the ETag of a read is good for a write', async () => {
        const { properties } = await withOne();
        const etag = (await properties.at('p').get()).headers.get('ETag');
        assert.equal((await one(put(properties, {}, etag))).contents.text, 'w');
    });

    it('every write has an etag of its own', async () => {
        const { properties, p } = await withOne();
        const etags = [p.etag];
        for (let round = 0; round < 3; round += 1) {
            etags.push((await one(put(properties, {}, etags.at(-1)))).etag);
        }
        await properties.at('p').delete();
        etags.push((await one(put(properties))).etag);
        assert.equal(new Set(etags).size, 5);
    });

    it('what is there is not changed without its etag, or with an old one', async () => {
        const { properties, p } = await withOne();
        await refused(put(properties), 409, STALE);
        await refused(put(properties, {}, strange), 409, STALE);
        await put(properties, {}, p.etag);
        await refused(put(properties, {}, p.etag), 409, STALE);
    });

    it('an etag for what is not there is 409', async () => {
        const { properties, p } = await withOne();
        await properties.at('p').delete();
        await refused(put(properties, {}, p.etag), 409, NEITHER);
        assert.equal((await many(properties.get())).count, '0');
    });

    it('abort=never writes regardless', async () => {
        const properties = await newProperties();
        for (const [etag, revision] of [[undefined, 1], [undefined, 2], [strange, 3]]) {
            const written = await one(put(properties, { abort: 'never' }, etag));
            assert.match(written.etag, new RegExp(`\\.r${revision}_ts`));
        }
    });

    it('abort=exists only creates', async () => {
        const properties = await newProperties();
        await put(properties, { abort: 'exists' });
        await refused(put(properties, { abort: 'exists' }), 409, THERE);
    });

    it('abort=modified is what happens without it', async () => {
        const { properties, p } = await withOne();
        await refused(put(properties, { abort: 'modified' }), 409, STALE);
        await put(properties, { abort: 'MODIFIED' }, p.etag);
    });

    it('another abort is 400', async () => {
        const properties = await newProperties();
        await refused(put(properties, { abort: 'always' }), 400, "invalid value for feature parameter 'abort'");
    });

    it('a description is kept', async () => {
        const properties = await newProperties();
        const words = 'why & how: 100% "sure", größer';
        assert.equal((await one(put(properties, { description: words }))).description, words);
        assert.equal((await one(properties.at('p', 'info').get())).description, words);
    });

    it('parameters and headers that only other servers know do no harm', async () => {
        const { properties, p } = await withOne();
        const parameters = {
            'dream.in.host': 'wiki.example', 'dream.in.scheme': 'https', 'dream.in.origin': '10.0.0.1',
            apikey: 'wrong', redirects: 0, _: 1
        };
        const plug = properties.at('p').withParams(parameters).withHeaders({
            ETag: p.etag, 'X-Deki-Client': 'mindtouch-martian', 'X-Deki-Requested-With': 'XMLHttpRequest',
            'X-Requested-With': 'XMLHttpRequest', 'X-Forwarded-For': '10.0.0.1', 'X-Forwarded-Host': 'wiki.example'
        });
        const written = await one(plug.put('w', 'text/plain'));
        assert.deepEqual([written.href, written.contents.href], [p.href, p.contents.href]);
    });
});

suite('values', () => {
    it('bytes come back as they were', async () => {
        const properties = await newProperties();
        const bytes = Uint8Array.from({ length: 512 }, (_, index) => index % 256);
        const made = await one(properties.at('p').put(bytes, 'application/x-anything'));
        assert.deepEqual([made.contents.size, made.contents.text], ['512', '']);
        const response = await follow(made.contents.href).get();
        assert.equal(response.headers.get('Content-Type'), 'application/x-anything');
        assert.deepEqual(new Uint8Array(await response.arrayBuffer()), bytes);
    });

    it('text without a type is what fetch says it is', async () => {
        const properties = await newProperties();
        assert.match((await one(properties.at('p').put('vä'))).contents.type, /^text\/plain; ?charset=utf-8$/i);
        assert.equal(await text(properties.at('p').get()), 'vä');
    });

    it('an empty value is a value', async () => {
        const { properties, p } = await withOne('');
        assert.deepEqual([p.contents.size, p.contents.text], ['0', '']);
        assert.equal(await text(properties.at('p').get()), '');
        assert.equal((await many(properties.get())).count, '1');
    });

    it('markup in a text is shown as text', async () => {
        const value = ' <b a="1">&amp; \'x\'</b>\n\t]]> ';
        const { properties } = await withOne(value);
        assert.equal((await many(properties.get())).all[0].contents.text, value);
        assert.equal(await text(properties.at('p').get()), value);
    });

    it('only text is shown', async () => {
        const properties = await newProperties();
        for (const type of ['application/xml', 'application/json', 'image/svg+xml']) {
            const { contents } = await one(properties.at(once(type)).put('{}', type));
            assert.deepEqual([contents.type, contents.size, contents.text], [type, '2', '']);
        }
        assert.equal((await one(properties.at('h').put('<p/>', 'text/html'))).contents.text, '<p/>');
    });

    it('a long text is not shown, but fetched by its link', async () => {
        const value = 'x'.repeat(SHOWN + 1);
        const { properties, p } = await withOne(value);
        assert.deepEqual([p.contents.size, p.contents.text], [String(SHOWN + 1), '']);
        const [listed] = (await many(properties.get())).all;
        assert.equal(listed.contents.text, '');
        assert.equal(await text(follow(listed.contents.href).get()), value);
    });

    it('the longest text that is shown is counted in bytes', async () => {
        for (const [value, shown] of [
            ['x'.repeat(SHOWN), true], ['ü'.repeat(SHOWN / 2), true], ['ü'.repeat(SHOWN / 2) + 'x', false]
        ]) {
            const { p } = await withOne(value);
            assert.equal(p.contents.size, String(Buffer.byteLength(value)));
            assert.equal(p.contents.text, shown ? value : '');
        }
    });

    it('contentcutoff says how long texts may be that are shown', async () => {
        const { properties, p } = await withOne('x'.repeat(SHOWN + 1));
        const shown = async (plug, cutoff) => (await one(plug.withParam('contentcutoff', cutoff).get())).contents.text;
        assert.equal((await shown(follow(p.href), SHOWN + 1)).length, SHOWN + 1);
        assert.equal((await shown(follow(p.href), SHOWN)).length, 0);
        const list = await many(properties.withParam('contentcutoff', SHOWN + 1).get());
        assert.equal(list.all[0].contents.text.length, SHOWN + 1);
        await refused(properties.withParam('contentcutoff', -1).get(), 400, /'contentcutoff'/);
    });

    it('a list is narrowed by names', async () => {
        const properties = await newProperties();
        await send(properties, ...['urn:a#1', 'urn:a#2', 'urn:b#1', 'c'].map((name) => item(name, { text: name })));
        for (const [names, found] of [
            ['c', ['c']], ['c,urn:b#1', ['urn:b#1', 'c']], ['urn:a#*', ['urn:a#1', 'urn:a#2']],
            ['*#1', ['urn:a#1', 'urn:b#1']], ['none', []], ['', ['urn:a#1', 'urn:a#2', 'urn:b#1', 'c']]
        ]) {
            assert.deepEqual((await many(properties.withParam('names', names).get())).names, found, names);
        }
    });

    it('HEAD tells what GET tells', async () => {
        const { properties, p } = await withOne('value');
        const response = await properties.at('p').head();
        assert.equal(response.headers.get('ETag'), `"${p.etag}"`);
        assert.equal(response.headers.get('Content-Length'), '5');
        assert.equal(await response.text(), '');
    });

    it('OPTIONS tells the verbs', async () => {
        const properties = await newProperties();
        assert.equal((await properties.options()).headers.get('Allow'), 'GET, HEAD, POST, PUT');
        assert.equal((await properties.at('p').options()).headers.get('Allow'), 'DELETE, GET, HEAD, PUT');
    });

    it('a value that did not change is 304, which the package lets through', async () => {
        const { properties, p } = await withOne();
        const response = await properties.at('p').withHeader('If-None-Match', `"${p.etag}"`).get();
        assert.deepEqual([response.status, await response.text()], [304, '']);
    });
});

suite('verbs in disguise', () => {
    const FORM = 'application/x-www-form-urlencoded';
    const disguises = {
        'dream.in.verb': (plug, verb) => plug.withParam('dream.in.verb', verb),
        'X-HTTP-Method-Override': (plug, verb) => plug.withHeader('X-HTTP-Method-Override', verb)
    };
    for (const [name, disguise] of Object.entries(disguises)) {
        it(`a POST is a PUT of one value by ${name}`, async () => {
            const { properties, p } = await withOne();
            const plug = disguise(properties.at('p'), 'PUT');
            const written = await one(plug.withHeader('ETag', p.etag).post('w', 'text/plain'));
            assert.match(written.etag, /\.r2_ts/);
            assert.equal(await text(properties.at('p').get()), 'w');
        });

        it(`a POST is a batch by ${name}`, async () => {
            const { properties } = await withOne();
            const response = await disguise(properties, 'PUT')
                .post(batch(item('q', { text: 'w' }), item('p')), 'application/xml');
            assert.equal((await many(response)).count, '2');
            assert.deepEqual((await many(properties.get())).names, ['q']);
        });

        it(`a POST is a DELETE by ${name}`, async () => {
            const { properties } = await withOne();
            const response = await disguise(properties.at('p'), 'DELETE').post('', FORM);
            assert.deepEqual([response.status, await response.text()], [200, '']);
            await refused(properties.at('p').get(), 404, "Property 'p' not found");
        });

        it(`a GET is never a DELETE by ${name}`, async () => {
            const { properties } = await withOne();
            assert.equal(await text(disguise(properties.at('p'), 'DELETE').get()), 'v');
            assert.equal(await text(properties.at('p').get()), 'v');
        });

        it(`lower case is as good in ${name}`, async () => {
            const { properties } = await withOne();
            await disguise(properties.at('p'), 'delete').post('', FORM);
            assert.equal((await many(properties.get())).count, '0');
        });
    }

    it('dream.in.verb wins over X-HTTP-Method-Override', async () => {
        const { properties, p } = await withOne();
        const plug = disguises['dream.in.verb'](properties.at('p'), 'PUT').withHeader('ETag', p.etag);
        await disguises['X-HTTP-Method-Override'](plug, 'DELETE').post('w', 'text/plain');
        assert.equal(await text(properties.at('p').get()), 'w');
    });

    it('a PUT stays a PUT', async () => {
        const { properties, p } = await withOne();
        const plug = disguises['X-HTTP-Method-Override'](properties.at('p'), 'DELETE').withHeader('ETag', p.etag);
        await plug.withParam('dream.in.verb', 'DELETE').put('w', 'text/plain');
        assert.equal(await text(properties.at('p').get()), 'w');
    });
});

suite('errors and ends', () => {
    it('an error is rejected with the words of its status, the status, and the document', async () => {
        const properties = await newProperties();
        const failure = await rejection(properties.at('none').withParam('a', 'b').get(), 404);
        assert.equal(failure.message, 'Not Found');
        const told = await refused(properties.at('none').withParam('a', 'b').get(), 404, "Property 'none' not found");
        assert.equal(told.uri, properties.at('none').url);
    });

    it('the words of an error name what a name has in it', async () => {
        const properties = await newProperties();
        const name = "<a> & 'b' größer #1";
        await refused(properties.at(once(name)).get(), 404, `Property '${name}' not found`);
    });

    it('a path that is none is 404', async () => {
        await refused(admin('nothing', 'here').get(), 404, 'resource not found');
    });

    it('a verb that a path does not know is 405', async () => {
        const properties = await newProperties();
        await refused(properties.delete(), 405, 'allowed methods are GET, HEAD, POST, PUT');
        await refused(properties.at('p').post('v', 'text/plain'), 405, 'allowed methods are DELETE, GET, HEAD, PUT');
    });

    it('a type that an earlier request left in a plug does no harm', async () => {
        const { properties } = await withOne();
        await send(properties, item('q', { text: 'w' }));
        assert.equal(properties.headers.get('Content-Type'), 'application/xml');
        assert.equal(await text(properties.at('q').get()), 'w');
        await properties.at('q').delete();
        assert.deepEqual((await many(properties.get())).names, ['p']);
    });

    it('a delete with the etag of what is there deletes, and with an old one does not', async () => {
        const { properties, p } = await withOne();
        const changed = await one(seen(properties.at('p'), p.etag).put('w', 'text/plain'));
        await refused(seen(properties.at('p'), p.etag).delete(), 409, STALE);
        assert.equal((await seen(properties.at('p'), changed.etag).delete()).status, 200);
    });

    it('what was deleted is made anew, with the first revision', async () => {
        const { properties, p } = await withOne();
        await properties.at('p').delete();
        const again = await one(properties.at('p').put('w', 'text/plain'));
        assert.match(again.etag, /\.r1_ts/);
        assert.notEqual(again.etag, p.etag);
    });

    it('of many writers with one etag exactly one wins', async () => {
        const id = await newFile();
        const path = ['files', id, 'properties', 'p'];
        const { etag } = await one(admin(...path).put('v', 'text/plain'));
        const writers = Array.from({ length: 8 }, (_, n) => seen(admin(...path), etag).put(`w${n}`, 'text/plain'));
        const results = await Promise.allSettled(writers);
        const lost = results.filter(({ status }) => status === 'rejected');
        assert.deepEqual(lost.map(({ reason }) => reason.status), Array(7).fill(409));
        const winner = results.findIndex(({ status }) => status === 'fulfilled');
        assert.equal(await text(admin(...path).get()), `w${winner}`);
    });
});
