// The owners of properties - pages, files, users and the site - by each way to address them: list, get, set, batch and
// delete work alike, and links carry the number.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import {
    ETAG, MOMENT, admin, as, file, follow, item, many, newAccount, newFile, newName, one, origin, refused, send, suite,
    text, twice
} from './client.mjs';

const UPLOAD = ['pages', 'home', 'files', `=${twice('owner of properties.txt')}`];

/** Each way to address an owner: its segments, and those that links have. */
const OWNERS = {
    'pages/home': async () => [['pages', 'home'], ['pages', 1]],
    'pages/{id}': async () => [['pages', 1], ['pages', 1]],
    'files/{id}': async () => {
        const id = await newFile();
        return [['files', id], ['files', id]];
    },
    'pages/home/files/={name}': async () => {
        const { id } = await file(admin(...UPLOAD).put('content', 'text/plain'));
        return [UPLOAD, ['files', id]];
    },
    'users/current': async () => [['users', 'current'], ['users', 1]],
    'users/{id}': async () => {
        const id = await newAccount(newName(), 'pw', 'Viewer');
        return [['users', id], ['users', id]];
    },
    'users/={name}': async () => {
        const name = `änne ${newName()}`;
        const id = await newAccount(name, 'pw', 'Viewer');
        return [['users', `=${twice(name)}`], ['users', id]];
    },
    site: async () => [['site'], ['site']]
};

suite('owners', () => {
    for (const [owner, find] of Object.entries(OWNERS)) {
        const check = (behaviour, test) => it(`${owner}: ${behaviour}`, async () => {
            const [path, number] = await find();
            const base = `${origin()}/@api/deki/${number.join('/')}/properties`;
            await test(admin(...path, 'properties'), newName(), base);
        });

        check('a value that is set is read', async (properties, name, base) => {
            const made = await one(properties.at(name).put('välue', 'text/plain; charset=utf-8'));
            assert.equal(made.name, name);
            assert.equal(made.href, `${base}/${name}/info`);
            assert.match(made.etag, ETAG);
            assert.match(made.modified, MOMENT);
            assert.deepEqual(made.modifiedBy, { id: '1', username: 'admin' });
            assert.deepEqual(made.contents, {
                type: 'text/plain; charset=utf-8', size: '6', href: `${base}/${name}`, text: 'välue'
            });

            const response = await properties.at(name).get();
            assert.equal(response.headers.get('Content-Type'), 'text/plain; charset=utf-8');
            assert.equal(response.headers.get('ETag'), `"${made.etag}"`);
            assert.equal(await response.text(), 'välue');
            assert.deepEqual(await one(properties.at(name, 'info').get()), made);
        });

        check('the list shows what was set', async (properties, name, base) => {
            const made = await one(properties.withHeader('Slug', name).post('v', 'text/plain'));
            const other = `${name}b`;
            await properties.at(other).put('w', 'text/plain');
            const list = await many(properties.get());
            assert.equal(list.href, base);
            assert.equal(list.count, String(list.all.length));
            assert.deepEqual(list.names.slice(-2), [name, other]);
            assert.deepEqual(list.all.at(-2), made);
            assert.equal(list.language !== undefined, owner.startsWith('pages/') && !owner.includes('files'));
        });

        check('a value is changed by whoever knows its etag', async (properties, name) => {
            const { etag } = await one(properties.at(name).put('v', 'text/plain'));
            const changed = await one(properties.at(name).withHeader('ETag', etag).put('w', 'text/plain'));
            assert.notEqual(changed.etag, etag);
            const late = properties.at(name).withHeader('ETag', etag).put('x', 'text/plain');
            await refused(late, 409, /does not match ETag/);
            assert.equal(await text(properties.at(name).get()), 'w');
        });

        check('a batch creates, changes and deletes', async (properties, name, base) => {
            const { etag } = await one(properties.at(`${name}old`).put('v', 'text/plain'));
            await properties.at(`${name}bad`).put('v', 'text/plain');
            const response = await send(
                properties,
                item(`${name}new`, { text: 'a' }),
                item(`${name}old`, { etag, text: 'b' }),
                item(`${name}bad`)
            );
            assert.equal(response.status, 200);
            const answer = await many(response);
            assert.deepEqual([answer.count, answer.href], ['3', base]);
            assert.deepEqual(answer.all.map(({ status }) => status), ['200', '200', '200']);
            const left = await many(properties.withParam('names', `${name}*`).get());
            assert.deepEqual(left.all.map(({ contents }) => contents.text), ['b', 'a']);
        });

        check('what is deleted is gone, by every address', async (properties, name) => {
            const { href, contents } = await one(properties.at(name).put('v', 'text/plain'));
            const response = await properties.at(name).delete();
            assert.deepEqual([response.status, await response.text()], [200, '']);
            const gone = `Property '${name}' not found`;
            await refused(properties.at(name).get(), 404, gone);
            await refused(properties.at(name, 'info').get(), 404, gone);
            await refused(follow(contents.href).get(), 404, gone);
            await refused(follow(href).get(), 404, gone);
            await refused(properties.at(name).delete(), 404, gone);
            assert.ok(!(await many(properties.get())).names.includes(name));
        });
    }

    it('owners that are not there are 404', async () => {
        await refused(admin('pages', 999, 'properties').get(), 404, 'Could not find requested page');
        await refused(admin('pages', '=None', 'properties').get(), 404, 'Could not find requested page');
        await refused(admin('files', 999, 'properties').get(), 404, 'Could not find requested file attachment');
        await refused(admin('users', 999, 'properties').get(), 404, 'Given user was not found');
        await refused(admin('users', '=nobody', 'properties').get(), 404, 'Given user was not found');
    });

    it('owners that cannot be are 400', async () => {
        await refused(admin('pages', 'x', 'properties').get(), 400, 'invalid pageid');
        await refused(admin('files', 'x', 'properties').get(), 400, /'fileid'/);
        await refused(admin('users', 'x', 'properties').get(), 400, /'userid'/);
    });

    it('the properties of a user are its own', async () => {
        await newAccount('carl', 'pw', 'Contributor');
        await as('carl', 'pw', 'users', 'current', 'properties', 'mine').put('v', 'text/plain');
        assert.equal(await text(admin('users', '=carl', 'properties', 'mine').get()), 'v');
        await refused(admin('users', 'current', 'properties', 'mine').get(), 404, "Property 'mine' not found");
    });
});

suite('files', () => {
    it('a file comes back as it was put, by its number and by its name', async () => {
        const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
        const name = 'Bild 1 (schön) 100%.jpg';
        const put = await file(admin('pages', 'home', 'files', `=${twice(name)}`).put(bytes, 'image/jpeg'));
        assert.equal(put.filename, name);
        assert.deepEqual([put.contents.type, put.contents.size], ['image/jpeg', '256']);
        for (const plug of [
            admin('files', put.id), admin('pages', 'home', 'files', `=${twice(name)}`), follow(put.contents.href)
        ]) {
            const response = await plug.get();
            assert.equal(response.headers.get('Content-Type'), 'image/jpeg');
            assert.deepEqual(new Uint8Array(await response.arrayBuffer()), bytes);
        }
    });

    it('a name is taken with an encoded equals sign, and with a dot without any', async () => {
        for (const segment of ['%3Dplain', 'dotted.txt']) {
            const put = await file(admin('pages', 'home', 'files', segment).put('v', 'text/plain'));
            assert.equal(put.filename, segment.replace('%3D', ''));
        }
        await refused(admin('pages', 'home', 'files', 'plain').put('v', 'text/plain'), 400, 'Missing filename');
    });

    it('a new revision keeps the properties', async () => {
        const first = await file(admin('pages', 'home', 'files', '=kept.txt').put('one', 'text/plain'));
        await admin('files', first.id, 'properties', 'p').put('v', 'text/plain');
        const second = await file(admin('pages', 'home', 'files', '=kept.txt').put('two', 'text/plain'));
        assert.equal(second.id, first.id);
        assert.notEqual(second.revision, first.revision);
        assert.equal(await text(admin('files', first.id).get()), 'two');
        assert.equal(await text(admin('files', first.id, 'properties', 'p').get()), 'v');
    });

    it('the properties of a deleted file are gone', async () => {
        const id = await newFile();
        await admin('files', id, 'properties', 'p').put('v', 'text/plain');
        assert.equal((await admin('files', id).delete()).status, 200);
        await refused(admin('files', id).get(), 404, 'File has been removed');
        await refused(admin('files', id, 'properties').get(), 404, 'File has been removed');
        await refused(admin('files', id, 'properties', 'p').get(), 404, 'File has been removed');
    });
});
