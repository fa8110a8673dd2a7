// `dream.out.format=json`, which users of the package ask for on every request: an answer in XML becomes JSON without
// the name of its root; what is no XML stays as it is.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import {
    ETAG, SHOWN, admin, anonymous, as, batch, boundedFetch, follow, item, newAccount, newName, newProperties, once, one,
    plug, refused, rejection, send, suite, text, twice
} from './client.mjs';

const JSON_TYPE = 'application/json; charset=utf-8';

/** The same plug, asking for JSON. */
function inJson(plug) {
    return plug.withParam('dream.out.format', 'json');
}

/** A plug of `admin` that asks for JSON, as such plugs are made: the parameter stays when segments are added. */
function json(...segments) {
    return inJson(admin()).at(...segments);
}

/** The properties of a new file, asking for JSON. */
async function newJson() {
    return inJson(await newProperties());
}

/** What an answer in JSON says. */
async function said(answer) {
    const response = await answer;
    assert.equal(response.headers.get('Content-Type'), JSON_TYPE);
    return response.json();
}

/** The answer is an error in JSON with this status and this message: all that it says. */
async function refusedInJson(answer, status, message) {
    const told = JSON.parse((await rejection(answer, status)).responseText);
    assert.deepEqual([told.status, told.message], [String(status), message]);
    return told;
}

suite('lists in JSON', () => {
    it('a list of none has no key for properties', async () => {
        const properties = await newJson();
        const list = await said(properties.get());
        assert.deepEqual(list, { '@count': '0', '@href': properties.withoutParam('dream.out.format').url });
    });

    it('a list of one has an object', async () => {
        const properties = await newJson();
        await properties.at('p').put('v', 'text/plain');
        const list = await said(properties.get());
        assert.deepEqual(Object.keys(list), ['@count', '@href', 'property']);
        assert.equal(list['@count'], '1');
        assert.deepEqual([list.property['@name'], list.property.contents['#text']], ['p', 'v']);
    });

    it('a list of several has an array, in order', async () => {
        const properties = await newJson();
        await send(properties, item('b', { text: '1' }), item('a', { text: '2' }));
        const list = await said(properties.get());
        assert.equal(list['@count'], '2');
        assert.deepEqual(list.property.map((property) => property['@name']), ['b', 'a']);
    });

    it('a list narrowed to one has an object', async () => {
        const properties = await newJson();
        await send(properties, item('b', { text: '1' }), item('a', { text: '2' }));
        assert.equal((await said(properties.withParam('names', 'a').get())).property.contents['#text'], '2');
    });

    it('the language of a page has an attribute and a text', async () => {
        const { language } = await said(json('pages', 'home', 'properties').get());
        assert.deepEqual(Object.keys(language), ['@deprecated', '#text']);
        assert.equal(language['@deprecated'], 'true');
    });

    it('each owner is answered in JSON', async () => {
        for (const owner of [['pages', 'home'], ['pages', 1], ['users', 'current'], ['users', '=admin'], ['site']]) {
            const properties = json(...owner, 'properties');
            await properties.at('p').withParam('abort', 'never').put('v', 'text/plain');
            assert.equal((await said(properties.withParam('names', 'p').get())).property['@name'], 'p');
        }
    });
});

suite('properties in JSON', () => {
    it('a property is the whole answer', async () => {
        const properties = await newJson();
        const made = await said(properties.at('p').put('v', 'text/plain'));
        assert.equal(made['@name'], 'p');
        assert.match(made['@etag'], ETAG);
        assert.deepEqual(await said(properties.at('p', 'info').get()), made);
        assert.deepEqual((await said(properties.get())).property, made);
    });

    it('attributes come first as they stand, then children by their names', async () => {
        const properties = await newJson();
        await properties.at('p').withParam('description', 'why').put('v', 'text/plain');
        const told = await said(properties.at('p', 'info').get());
        assert.deepEqual(Object.keys(told), [
            '@name', '@href', '@etag', 'change-description', 'contents', 'date.modified', 'user.modified'
        ]);
        assert.deepEqual(Object.keys(told.contents), ['@type', '@size', '@href', '#text']);
        assert.deepEqual(Object.keys(told['user.modified']).slice(0, 2), ['@id', '@href']);
        const children = Object.keys(told['user.modified']).slice(2);
        assert.deepEqual(children, [...children].sort());
    });

    it('JSON says what XML says', async () => {
        const properties = await newProperties();
        const plug = properties.at(once('größe #1'));
        const made = await one(plug.withParam('description', 'wäre').put('ü', 'text/plain'));
        const told = await said(inJson(plug.at('info')).get());
        assert.deepEqual([told['@name'], told['@href'], told['@etag']], [made.name, made.href, made.etag]);
        assert.deepEqual(told.contents, {
            '@type': made.contents.type, '@size': made.contents.size, '@href': made.contents.href, '#text': 'ü'
        });
        assert.equal(told['change-description'], 'wäre');
        const { '@id': id, username, nick } = told['user.modified'];
        assert.deepEqual([id, username, nick], ['1', 'admin', 'admin']);
    });

    it('all that is said is text, objects and arrays', async () => {
        const properties = await newJson();
        await send(properties, item('p', { text: '1' }), item('q', { text: 'true' }), item('r', { text: 'null' }));
        const check = (value) => {
            if (typeof value === 'object' && value !== null) {
                Object.values(value).forEach(check);
            } else {
                assert.equal(typeof value, 'string');
            }
        };
        check(await said(properties.get()));
    });

    it('an element without attributes and text is an empty string', async () => {
        const properties = await newJson();
        const made = await said(properties.at('p').put('v', 'text/plain'));
        assert.equal(made['user.modified'].fullname, '');
    });

    it('an element with attributes alone has no text', async () => {
        const id = await newAccount(newName(), 'pw', 'Viewer');
        assert.deepEqual((await said(json('users', id).get())).email, { '@hidden': 'true' });
    });

    it('a value that is not shown has no text', async () => {
        const properties = await newJson();
        for (const [type, value] of [
            ['text/plain', 'x'.repeat(SHOWN + 1)], ['application/json', '{"a":1}'], ['image/png', 'x'],
            ['text/plain', '']
        ]) {
            const { contents } = await said(properties.at(newName()).put(value, type));
            assert.deepEqual(Object.keys(contents), ['@type', '@size', '@href']);
            assert.equal(contents['@size'], String(value.length));
            assert.equal(await text(follow(contents['@href']).get()), value);
        }
    });

    it('texts come back as they were sent', async () => {
        for (const value of [
            'äöü ß €', '𝒳😀日本語', ' a\tb\nc ', '\r\n', '"quoted" \\ \\u0041', '<b>&amp;</b>', '</script>',
            '\u2028\u2029', '[]', '{"a":[]}', '0'
        ]) {
            const properties = await newJson();
            assert.equal((await said(properties.at('p').put(value, 'text/plain'))).contents['#text'], value);
            assert.equal((await said(properties.get())).property.contents['#text'], value);
        }
    });

    it('names come back as they were sent', async () => {
        for (const name of ['größe', '"', '\\', 'a\tb', '@name', '#text', '😀', '<&>', '\u2028']) {
            const properties = await newJson();
            assert.equal((await said(properties.at(twice(name)).put('v', 'text/plain')))['@name'], name);
            const { property } = await said(properties.get());
            assert.equal(property['@name'], name);
            assert.equal(await text(follow(property.contents['@href']).get()), 'v');
        }
    });

    it('bytes that no document can carry do not break a list', async () => {
        const properties = await newJson();
        await properties.at('p').put(Uint8Array.of(0, 1, 0x0c, 0xff, 0xfe), 'text/plain');
        assert.equal((await said(properties.get())).property.contents['@size'], '5');
    });

    it('moments are those of HTTP, and etags and values stay', async () => {
        const properties = await newJson();
        const value = '2009-03-20T23:52:50Z';
        const made = await said(properties.at('p').withParam('description', value).put(value, 'text/plain'));
        const moment = made['date.modified'];
        assert.equal(new Date(moment).toUTCString(), moment);
        assert.match(made['@etag'], ETAG);
        assert.deepEqual([made.contents['#text'], made['change-description']], [value, value]);
    });

    it('the etag of an answer is good for a write', async () => {
        const properties = await newJson();
        const made = await said(properties.withHeader('Slug', 'p').post('v', 'text/plain'));
        const changed = await said(properties.at('p').withHeader('ETag', made['@etag']).put('w', 'text/plain'));
        assert.equal(changed.contents['#text'], 'w');
    });

    it('the links of an answer do not ask for JSON', async () => {
        const properties = await newJson();
        const made = await said(properties.at('p').put('v', 'text/plain'));
        assert.equal((await one(follow(made['@href']).get())).etag, made['@etag']);
    });
});

suite('batches in JSON', () => {
    it('a batch is sent as XML and answered in JSON', async () => {
        const properties = await newJson();
        const answer = await said(send(properties, item('p', { text: 'v' })));
        assert.deepEqual([answer['@count'], answer.property['@name']], ['1', 'p']);
        assert.deepEqual(answer.property.status, { '@code': '200' });
    });

    it('each property has its status, and those that are refused their error', async () => {
        const properties = await newJson();
        await properties.at('p').put('v', 'text/plain');
        const response = await send(properties, item('p', { text: 'w' }), item('none'), item('q', { text: 'v' }));
        assert.equal(response.status, 207);
        const { '@count': count, property } = await said(response);
        assert.equal(count, '1');
        const statuses = property.map((p) => [p['@name'], p.status['@code']]);
        assert.deepEqual(statuses, [['q', '200'], ['p', '409'], ['none', '400']]);
        assert.deepEqual(property[2], {
            '@name': 'none',
            status: {
                '@code': '400',
                error: {
                    message: "The property 'none' does not exist and cannot be deleted.",
                    status: '400',
                    title: 'Bad Request',
                    uri: properties.withoutParam('dream.out.format').url
                }
            }
        });
    });

    it('what was deleted is shown once more', async () => {
        const properties = await newJson();
        await properties.at('p').put('v', 'text/plain');
        const { property } = await said(send(properties, item('p')));
        assert.deepEqual(Object.keys(property), [
            '@name', '@href', '@etag', 'contents', 'date.deleted', 'date.modified', 'status', 'user.deleted',
            'user.modified'
        ]);
        assert.equal(property['date.deleted'], property['date.modified']);
        assert.equal(property.contents['#text'], 'v');
    });

    it('a batch in disguise is answered in JSON', async () => {
        const properties = await newJson();
        const answer = await said(properties.withHeader('X-HTTP-Method-Override', 'PUT')
            .post(batch(item('p', { text: 'v' })), 'application/xml'));
        assert.equal(answer['@count'], '1');
    });
});

suite('errors in JSON', () => {
    it('an error is the whole answer', async () => {
        const properties = await newJson();
        const told = await refusedInJson(properties.at('none').get(), 404, "Property 'none' not found");
        assert.deepEqual(Object.keys(told), ['message', 'status', 'title', 'uri']);
        const { url } = properties.at('none').withoutParam('dream.out.format');
        assert.deepEqual([told.title, told.uri], ['Not Found', url]);
    });

    it('errors of every kind are in JSON', async () => {
        const properties = await newJson();
        await properties.at('p').put('v', 'text/plain');
        const again = properties.withHeader('Slug', 'p').post('v', 'text/plain');
        await refusedInJson(again, 409, "A property named 'p' already exists.");
        await refusedInJson(json('nothing').get(), 404, 'resource not found');
        await refusedInJson(json('pages', 'x', 'properties').get(), 400, 'invalid pageid');
        await refusedInJson(properties.delete(), 405, 'allowed methods are GET, HEAD, POST, PUT');
        const stranger = inJson(as('admin', 'wrong', 'users', 'current'));
        await refusedInJson(stranger.get(), 401, 'authentication failed');
        const twofold = send(properties, item('p'), item('p'));
        await refusedInJson(twofold, 400, "The property 'p' is included two or more times.");
    });

    it('an error says that it is JSON', async () => {
        let type;
        const fetchImpl = async (request) => {
            const response = await boundedFetch(request);
            type = response.headers.get('Content-Type');
            return response;
        };
        await rejection(inJson(plug({ fetchImpl }, 'nothing')).get(), 404);
        assert.equal(type, JSON_TYPE);
    });

    it('a format that is none is 400', async () => {
        const properties = await newProperties();
        const request = properties.withParam('dream.out.format', 'yaml').get();
        await refused(request, 400, 'yaml output format not supported');
    });
});

suite('what is no XML', () => {
    it('a value stays as it is', async () => {
        const properties = await newJson();
        for (const [type, value] of [
            ['text/plain', 'v'], ['application/json', '{ "a": 1 }'], ['text/html', '<p>ü'], ['image/png', '\u0089PNG']
        ]) {
            const name = newName();
            await properties.at(name).put(value, type);
            const response = await properties.at(name).get();
            assert.equal(response.headers.get('Content-Type'), type);
            assert.equal(await response.text(), value);
        }
    });

    it('a token stays as it is', async () => {
        const token = await text(json('users', 'authenticate').get());
        assert.match(token, /^[0-9A-Za-z_]+$/);
        const user = await said(inJson(plug({ headers: { 'X-Authtoken': token } }, 'users', 'current')).get());
        assert.equal(user.username, 'admin');
    });

    it('the answer to a delete stays empty', async () => {
        const properties = await newJson();
        await properties.at('p').put('v', 'text/plain');
        assert.equal(await text(properties.at('p').delete()), '');
    });
});

suite('other documents in JSON', () => {
    it('a file is told in JSON', async () => {
        const name = 'Bild (schön).png';
        const put = await said(json('pages', 'home', 'files', `=${twice(name)}`).put('content', 'image/png'));
        assert.equal(put.filename, name);
        assert.deepEqual([put.contents['@type'], put.contents['@size']], ['image/png', '7']);
        assert.equal(put['page.parent']['@id'], '1');
        assert.equal(new Date(put['date.created']).toUTCString(), put['date.created']);
        assert.equal((await said(json('files', put['@id'], 'info').get()))['@id'], put['@id']);
    });

    it('an account is told in JSON', async () => {
        const user = await said(json('users', 'current').get());
        assert.deepEqual([user['@id'], user.username, user.status], ['1', 'admin', 'active']);
        assert.equal((await said(inJson(anonymous('users', 'current')).get())).username, 'Anonymous');
        assert.equal((await said(inJson(follow(user['@href'])).get()))['@id'], '1');
    });

    it('XML can be asked for by its name', async () => {
        const properties = await newProperties();
        await properties.at('p').put('v', 'text/plain');
        assert.equal((await one(properties.at('p', 'info').withParam('dream.out.format', 'xml').get())).name, 'p');
    });
});
