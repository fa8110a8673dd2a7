// Names of properties in addresses: encoded once or twice they mean the same, and the links of answers reach every
// name.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import {
    Uri, follow, item, many, newProperties, once, one, refused, send, suite, text, twice
} from './client.mjs';

/** Names that mean the same encoded once and twice. */
const PLAIN = [
    'name', 'urn:custom.mindtouch.com#name', 'mindtouch.page#overview', 'mindtouch.idf#product-image', 'a b', 'a  b ',
    'a/b', '/', 'a#b', '?a=b&c=d', '100%', '50% off', 'größe', 'äöü ÄÖÜ ß', '日本語 😀', 'a..b', '../up', 'dots...',
    '...', "it's (fine)!*~", 'a\\b', '=a', 'a;b', 'a,b', 'a:b@c', '"a"', '<a>', 'a\tb', '[a]{b}|c^`$', 'info',
    'properties'
];

/** Names that only two rounds of encoding can tell from others. */
const INTRICATE = ['a+b', '+', '1 + 1', '%41', 'a%2Fb', '%2541', '%u0041'];

/** Names that clients fold away from a path unless their dots are encoded twice; `encodeURIComponent` never does. */
const FOLDED = ['.', '..'];

suite('keys', () => {
    for (const name of PLAIN) {
        it(`${JSON.stringify(name)} is the same encoded once and twice`, async () => {
            const properties = await newProperties();
            const [single, double] = [properties.at(once(name)), properties.at(twice(name))];
            const made = await one(single.put('v', 'text/plain'));
            assert.equal(made.name, name);
            assert.equal(await text(double.get()), 'v');
            assert.deepEqual(await one(single.at('info').get()), made);
            assert.deepEqual(await one(double.at('info').get()), made);
            const changed = await one(double.withHeader('ETag', made.etag).put('w', 'text/plain'));
            assert.equal(changed.name, name);
            assert.equal(await text(single.get()), 'w');
            assert.deepEqual((await many(properties.get())).names, [name]);
            await double.delete();
            await refused(single.get(), 404, `Property '${name}' not found`);
        });
    }

    for (const name of INTRICATE) {
        it(`${JSON.stringify(name)} is written encoded twice, and read and deleted in either way`, async () => {
            const properties = await newProperties();
            const [single, double] = [properties.at(once(name)), properties.at(twice(name))];
            const made = await one(double.put('v', 'text/plain'));
            assert.equal(made.name, name);
            assert.equal(await text(double.get()), 'v');
            assert.equal(await text(single.get()), 'v');
            assert.deepEqual(await one(single.at('info').get()), made);
            await single.delete();
            await refused(double.get(), 404, `Property '${name}' not found`);
        });
    }

    it('a space is taken in each of its spellings', async () => {
        const properties = await newProperties();
        await properties.at(once('a b')).put('v', 'text/plain');
        for (const key of ['a%20b', 'a%2520b', 'a+b', 'a%2Bb', 'a%2bb']) {
            assert.equal(await text(properties.at(key).get()), 'v', key);
        }
    });

    it('hexadecimal digits may be of either case', async () => {
        const properties = await newProperties();
        await properties.at(once('urn:x#a/ü')).put('v', 'text/plain');
        for (const key of [
            'urn%3ax%23a%2f%c3%bc', 'urn%253ax%2523a%252f%25c3%25bc', 'urn%253Ax%2523a%252F%25C3%25BC'
        ]) {
            assert.equal(await text(properties.at(key).get()), 'v', key);
        }
    });

    it('trailing dots are taken encoded twice', async () => {
        const properties = await newProperties();
        await properties.at('dots...').put('v', 'text/plain');
        assert.equal(await text(properties.at('dots%252E%252E%252E').get()), 'v');
    });

    it('names that differ only in case or in spaces are different', async () => {
        const properties = await newProperties();
        const names = ['name', 'Name', 'name ', ' name'];
        for (const name of names) {
            await properties.at(once(name)).put(name, 'text/plain');
        }
        assert.deepEqual((await many(properties.get())).names, names);
    });
});

suite('links', () => {
    for (const name of [...PLAIN, ...INTRICATE, ...FOLDED]) {
        it(`${JSON.stringify(name)} is reached by the links of answers as they stand`, async () => {
            const properties = await newProperties();
            const made = await one(properties.withHeader('Slug', once(name)).post('v', 'text/plain'));
            assert.equal(made.name, name);
            const [listed] = (await many(properties.get())).all;
            assert.deepEqual(listed, made);
            const { href, contents } = listed;
            assert.equal(href, `${contents.href}/info`);
            assert.match(new Uri(contents.href).path, /^[!-~]+$/);

            assert.equal(await text(follow(contents.href).get()), 'v');
            assert.deepEqual(await one(follow(href).get()), made);
            const changed = await one(follow(contents.href).withHeader('ETag', made.etag).put('w', 'text/plain'));
            assert.deepEqual([changed.name, changed.contents.href], [name, contents.href]);
            assert.equal(await text(follow(contents.href).get()), 'w');
            await follow(contents.href).delete();
            await refused(follow(contents.href).get(), 404, `Property '${name}' not found`);
            await refused(follow(href).get(), 404, `Property '${name}' not found`);
        });
    }

    it('all names together keep their links apart', async () => {
        const properties = await newProperties();
        const names = [...PLAIN, ...INTRICATE, ...FOLDED];
        const answer = await many(send(properties, ...names.map((name) => item(name, { text: name }))));
        assert.deepEqual(answer.names, names);
        assert.equal(new Set(answer.all.map(({ contents }) => contents.href)).size, names.length);
        for (const { name, contents } of answer.all) {
            assert.equal(await text(follow(contents.href).get()), name);
        }
    });

    it('the link of a list is the list', async () => {
        const properties = await newProperties();
        await properties.at('p').put('v', 'text/plain');
        const list = await many(properties.get());
        assert.deepEqual(await many(follow(list.href).get()), list);
    });
});
