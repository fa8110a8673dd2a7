// Batches as XML: many properties of one owner are created, changed and deleted by one PUT; what is refused is told for
// each property, and does not hinder the others.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import {
    ETAG, MOMENT, SHOWN, admin, batch, follow, item, many, newProperties, one, refused, send, suite, text
} from './client.mjs';

/** The properties of a new file, with these values (name to text), and the etag of each. */
async function withThese(values) {
    const properties = await newProperties();
    const items = Object.entries(values).map(([name, value]) => item(name, { text: value }));
    const { all } = await many(send(properties, ...items));
    return { properties, etags: Object.fromEntries(all.map(({ name, etag }) => [name, etag])) };
}

/** Names and texts of all properties. */
async function values(properties) {
    const { all } = await many(properties.get());
    return Object.fromEntries(all.map(({ name, contents }) => [name, contents.text]));
}

/** Names and statuses of what an answer tells. */
function statuses({ all }) {
    return all.map(({ name, status }) => [name, status]);
}

/** Sends a batch that is answered with this status: the answer. */
async function answered(status, properties, ...items) {
    const response = await send(properties, ...items);
    assert.equal(response.status, status);
    return many(response);
}

suite('batches', () => {
    it('new properties are created in their order', async () => {
        const properties = await newProperties();
        const answer = await answered(200, properties, item('b', { text: '1' }), item('a', { text: '2' }));
        assert.equal(answer.count, '2');
        for (const { etag, modified, modifiedBy, status } of answer.all) {
            assert.match(etag, ETAG);
            assert.match(modified, MOMENT);
            assert.deepEqual([modifiedBy, status], [{ id: '1', username: 'admin' }, '200']);
        }
        assert.deepEqual((await many(properties.get())).names, ['b', 'a']);
    });

    it('what is there is changed by whoever knows its etag', async () => {
        const { properties, etags } = await withThese({ p: 'v' });
        const [p] = (await answered(200, properties, item('p', { etag: etags.p, text: 'w' }))).all;
        assert.match(p.etag, /\.r2_ts/);
        assert.deepEqual([p.contents.text, p.contents.size], ['w', '1']);
        assert.deepEqual(await values(properties), { p: 'w' });
    });

    it('what has no contents is deleted, and shown once more', async () => {
        const { properties, etags } = await withThese({ p: 'v', q: 'w' });
        const answer = await answered(200, properties, item('p'));
        assert.equal(answer.count, '1');
        const [p] = answer.all;
        assert.deepEqual([p.contents.text, p.status], ['v', '200']);
        assert.deepEqual([p.deleted, p.deletedBy], [p.modified, { id: '1', username: 'admin' }]);
        assert.equal(p.etag.split('.')[0], etags.p.split('.')[0]);
        assert.match(p.etag, /\.r2_ts/);
        await refused(properties.at('p').get(), 404, "Property 'p' not found");
        assert.deepEqual(await values(properties), { q: 'w' });
    });

    it('create, update and delete go together', async () => {
        const { properties, etags } = await withThese({ old: 'v', gone: 'w' });
        const answer = await answered(
            200, properties, item('new', { text: '1' }), item('gone'), item('old', { etag: etags.old, text: '2' })
        );
        assert.deepEqual(answer.names, ['new', 'gone', 'old']);
        assert.deepEqual(answer.all.map(({ deleted }) => deleted !== undefined), [false, true, false]);
        assert.deepEqual(await values(properties), { old: '2', new: '1' });
    });

    it('a stale etag is 409 for that property alone', async () => {
        const { properties, etags } = await withThese({ p: 'v', q: 'v' });
        await send(properties, item('p', { etag: etags.p, text: 'w' }));
        const answer = await answered(
            207, properties, item('p', { etag: etags.p, text: 'x' }), item('q', { etag: etags.q, text: 'x' }),
            item('r', { text: 'x' })
        );
        assert.equal(answer.count, '2');
        assert.deepEqual(statuses(answer), [['q', '200'], ['r', '200'], ['p', '409']]);
        const { error } = answer.all[2];
        assert.deepEqual([error.status, error.title], ['409', 'Conflict']);
        assert.match(error.message, /^Given ETag '.*' for resource id '\d+' does not match ETag for HEAD revision\.$/);
        assert.equal(error.uri, properties.url);
        assert.deepEqual(await values(properties), { p: 'w', q: 'x', r: 'x' });
    });

    it('what is there is not changed without an etag', async () => {
        const { properties } = await withThese({ p: 'v' });
        const answer = await answered(207, properties, item('p', { text: 'w' }));
        assert.deepEqual([answer.count, answer.all[0].status], ['0', '409']);
        assert.match(answer.all[0].error.message, /^Given ETag '' for resource id /);
        assert.deepEqual(await values(properties), { p: 'v' });
    });

    it('an etag for what is not there is 409', async () => {
        const { properties, etags } = await withThese({ p: 'v' });
        await properties.at('p').delete();
        const answer = await answered(207, properties, item('p', { etag: etags.p, text: 'w' }));
        assert.equal(answer.all[0].error.message, 'Received an unexpected etag on a new property addition');
        assert.deepEqual(await values(properties), {});
    });

    it('a delete with an etag deletes only what the etag is of', async () => {
        const { properties, etags } = await withThese({ p: 'v' });
        const old = etags.p;
        const [{ etag }] = (await answered(200, properties, item('p', { etag: old, text: 'w' }))).all;
        assert.equal((await answered(207, properties, item('p', { etag: old }))).all[0].status, '409');
        assert.equal((await answered(200, properties, item('p', { etag }))).all[0].status, '200');
    });

    it('deleting what is not there is 400 for that property alone', async () => {
        const { properties } = await withThese({ p: 'v' });
        const answer = await answered(207, properties, item('none'), item('p'));
        assert.deepEqual(answer.names, ['p', 'none']);
        const { status, error } = answer.all[1];
        assert.deepEqual([status, error.status, error.title], ['400', '400', 'Bad Request']);
        assert.equal(error.message, "The property 'none' does not exist and cannot be deleted.");
    });

    it('a type that is missing or none is 400 for that property alone', async () => {
        const properties = await newProperties();
        const answer = await answered(
            207, properties, item('a', { type: '', text: 'v' }), item('b', { type: 'text', text: 'v' }),
            item('c', { text: 'v' })
        );
        assert.deepEqual(statuses(answer), [['c', '200'], ['a', '400'], ['b', '400']]);
        assert.equal(answer.all[2].error.message, "The property 'b' does not have a valid mimetype: 'text'");
    });

    it('the same name twice is 400 for all', async () => {
        const properties = await newProperties();
        const request = send(properties, item('a', { text: '1' }), item('p', { text: '2' }), item('p', { text: '3' }));
        await refused(request, 400, "The property 'p' is included two or more times.");
        assert.deepEqual(await values(properties), {});
    });

    it('a batch of nothing changes nothing', async () => {
        const properties = await newProperties();
        for (const document of ['<properties></properties>', '<properties/>', '<?xml version="1.0"?><properties/>']) {
            const response = await properties.put(document, 'application/xml');
            assert.deepEqual([response.status, (await many(response)).count], [200, '0']);
        }
    });

    it('XML that is malformed is 400, and nothing is written', async () => {
        const properties = await newProperties();
        const unclosed = `<properties>${item('p', { text: 'v' })}`;
        for (const document of ['', 'no XML', unclosed, batch('<property name="p">')]) {
            await refused(properties.put(document, 'application/xml'), 400, /./);
        }
        assert.deepEqual(await values(properties), {});
    });

    it('another root is 400', async () => {
        const properties = await newProperties();
        await refused(properties.put(item('p', { text: 'v' }), 'application/xml'), 400, /./);
    });

    it('a batch has to say that it is XML', async () => {
        const properties = await newProperties();
        const document = batch(item('p', { text: 'v' }));
        // Without a type, fetch says that a string is text.
        for (const type of [undefined, 'text/plain', 'image/png']) {
            await refused(properties.withoutHeader('Content-Type').put(document, type), 415, /./);
        }
        for (const type of ['application/xml; charset=utf-8', 'text/xml', 'application/vnd.x+xml']) {
            const response = await properties.put(batch(item(type, { text: 'v' })), type);
            assert.equal(response.status, 200);
        }
    });
});

suite('what a batch carries', () => {
    it('values come back as they were sent', async () => {
        const sent = {
            text: 'plain', umlauts: 'äöü ß €', symbols: '𝒳😀日本語', spaces: '  a\n\tb  ', blank: ' ', empty: '',
            markup: '<b a="1">&amp;</b>', end: ']]>', quotes: '"\''
        };
        const { properties } = await withThese(sent);
        assert.deepEqual(await values(properties), sent);
        for (const [name, value] of Object.entries(sent)) {
            assert.equal(await text(properties.at(name).get()), value);
        }
    });

    it('empty contents are an empty value and no delete', async () => {
        const { properties, etags } = await withThese({ p: 'v' });
        const document = batch(`<property name="p" etag="${etags.p}"><contents type="text/plain"/></property>`);
        const [p] = (await many(properties.put(document, 'application/xml'))).all;
        assert.deepEqual([p.contents.size, p.deleted], ['0', undefined]);
        assert.deepEqual(await values(properties), { p: '' });
    });

    it('names come back as they were sent', async () => {
        const names = [
            'urn:custom.mindtouch.com#name', 'a b', ' a ', 'a+b', '100%', '%41', 'a/b', 'größe', "it's", '"<&>"', '..',
            'dots...', 'a\tb', '*'
        ];
        const { properties } = await withThese(Object.fromEntries(names.map((name) => [name, name])));
        const { all } = await many(properties.get());
        assert.deepEqual(all.map(({ name }) => name), names);
        for (const { name, contents } of all) {
            assert.equal(await text(follow(contents.href).get()), name);
        }
    });

    it('a description is told by either name', async () => {
        const properties = await newProperties();
        const older = item('p', { text: 'v', description: 'why & how' });
        const newer = item('q', { text: 'v', description: 'größer' }).replaceAll('description>', 'change-description>');
        const { all } = await many(send(properties, older, newer));
        assert.deepEqual(all.map(({ description }) => description), ['why & how', 'größer']);
        assert.equal((await one(properties.at('q', 'info').get())).description, 'größer');
    });

    it('XML is sent as text or as it is', async () => {
        const properties = await newProperties();
        const markup = '<a b="1"><c>d</c></a>';
        const { all } = await many(send(
            properties,
            item('escaped', { type: 'application/xml', text: markup }),
            item('nested', { type: 'application/xml; charset=utf-8', markup })
        ));
        assert.deepEqual(all.map(({ contents }) => contents.text), ['', '']);
        for (const name of ['escaped', 'nested']) {
            const response = await properties.at(name).get();
            assert.match(response.headers.get('Content-Type'), /^application\/xml/);
            assert.equal(await response.text(), markup);
        }
    });

    it('CDATA is text', async () => {
        const properties = await newProperties();
        await send(properties, item('p', { markup: '<![CDATA[<b>&amp;</b>]]>' }));
        assert.equal(await text(properties.at('p').get()), '<b>&amp;</b>');
    });

    it('a long value is not shown, but fetched by its link', async () => {
        const properties = await newProperties();
        const value = 'ü'.repeat(SHOWN);
        const [p] = (await many(send(properties, item('p', { type: 'text/plain; charset=utf-8', text: value })))).all;
        assert.deepEqual([p.contents.size, p.contents.text], [String(2 * SHOWN), '']);
        assert.equal(await text(follow(p.contents.href).get()), value);
    });

    it('the answer has links that can be used', async () => {
        const properties = await newProperties();
        const [p] = (await many(send(properties, item('a b/c#d', { text: 'v' })))).all;
        assert.equal((await one(follow(p.href).get())).etag, p.etag);
        await follow(p.contents.href).withHeader('ETag', p.etag).put('w', 'text/plain');
        assert.equal(await text(follow(p.contents.href).get()), 'w');
        await follow(p.contents.href).delete();
        await refused(follow(p.contents.href).get(), 404, "Property 'a b/c#d' not found");
    });

    it('a language beside the properties of a page is no error', async () => {
        const properties = admin('pages', 'home', 'properties');
        const { language } = await many(properties.get());
        const document = batch(item('p', { text: 'v' }), `<language>${language}</language>`);
        const response = await properties.put(document, 'application/xml');
        assert.equal(response.status, 200);
        assert.deepEqual((await many(response)).names, ['p']);
        assert.equal((await many(properties.get())).language, language);
    });

    it('many properties go in one batch', async () => {
        const properties = await newProperties();
        const names = Array.from({ length: 1000 }, (_, n) => `name ${n}`);
        const answer = await answered(200, properties, ...names.map((name) => item(name, { text: name })));
        assert.deepEqual([answer.count, answer.names], ['1000', names]);
        assert.deepEqual((await many(properties.get())).names, names);
    });
});
