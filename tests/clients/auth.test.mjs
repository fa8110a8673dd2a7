// Who asks: passwords, tokens and cookies as a user of the package sends them.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import {
    PASSWORD, Uri, account, admin, anonymous, as, boundedFetch, credentials, item, many, newAccount, newFile, origin,
    plug, refused, send, suite, text, twice
} from './client.mjs';

/** The account that a plug is taken for. */
async function who(headers, parameters = {}) {
    const { username } = await account(plug({ headers }, 'users', 'current').withParams(parameters).get());
    return username;
}

/** A token of `admin`. */
function token() {
    return text(admin('users', 'authenticate').get());
}

/** The least that the package asks of a cookie manager: it keeps names and values, and sends all of them. */
class Cookies {
    constructor() {
        this.kept = new Map();
        this.told = [];
    }

    getCookieString() {
        return Promise.resolve(Array.from(this.kept, ([name, value]) => `${name}=${value}`).join('; '));
    }

    storeCookies(url, cookies) {
        this.told.push(url);
        for (const cookie of cookies) {
            const [, name, value] = /^([^=;]*)=([^;]*)/.exec(cookie);
            this.kept.set(name, value);
        }
        return Promise.resolve();
    }
}

/**
 * With a cookie manager, the package asks the headers of each answer for `getAll`, as those of older fetches have it;
 * without one it takes for granted that there is a cookie.
 */
async function cookieFetch(request) {
    const response = await boundedFetch(request);
    response.headers.getAll = (name) => [response.headers.get(name)].filter((value) => value !== null);
    return response;
}

suite('credentials', () => {
    it('a name and a password are taken from the first request on', async () => {
        let requests = 0;
        const fetchImpl = (request) => {
            requests += 1;
            return boundedFetch(request);
        };
        const { username } = await account(plug({ headers: credentials(), fetchImpl }, 'users', 'current').get());
        assert.deepEqual({ username, requests }, { username: 'admin', requests: 1 });
    });

    it('names and passwords may have letters beyond ASCII, colons and spaces', async () => {
        await newAccount('änne müller', 'päss: wört', 'Contributor');
        const { username } = await account(as('änne müller', 'päss: wört', 'users', 'current').get());
        assert.equal(username, 'änne müller');
        const found = await account(admin('users', `=${twice('änne müller')}`).get());
        assert.equal(found.username, 'änne müller');
    });

    it('a wrong password is 401, also for what everybody may read', async () => {
        for (const [name, password] of [['admin', 'wrong'], ['nobody', PASSWORD]]) {
            await refused(as(name, password, 'pages', 'home', 'properties').get(), 401, 'authentication failed');
            await refused(as(name, password, 'users', 'authenticate').get(), 401, 'authentication failed');
        }
    });

    it('nobody in particular may read pages and files, but not write', async () => {
        const id = await newFile();
        await admin('files', id, 'properties', 'p').put('v', 'text/plain');
        const properties = anonymous('files', id, 'properties');
        assert.equal(await text(properties.at('p').get()), 'v');
        assert.deepEqual((await many(properties.get())).names, ['p']);
        const no = /^Operation not allowed by anonymous user: /;
        await refused(properties.at('p').delete(), 401, no);
        await refused(properties.at('p').withParam('abort', 'never').put('w', 'text/plain'), 401, no);
        await refused(properties.withHeader('Slug', 'q').post('w', 'text/plain'), 401, no);
        await refused(send(properties, item('p')), 401, no);
        assert.equal(await text(properties.at('p').get()), 'v');
    });

    it('a viewer may not write pages and files, and nobody but an administrator may read the site', async () => {
        await newAccount('vera', 'pw', 'Viewer');
        const no = /^Access denied to 'vera' for this request/;
        await refused(as('vera', 'pw', 'pages', 'home', 'properties', 'p').put('v', 'text/plain'), 403, no);
        await refused(as('vera', 'pw', 'site', 'properties').get(), 403, no);
        await refused(as('vera', 'pw', 'users', '=admin', 'properties').get(), 403, no);
        await as('vera', 'pw', 'users', 'current', 'properties', 'p').put('v', 'text/plain');
        await refused(anonymous('site', 'properties').get(), 401, /^Operation not allowed by anonymous user: /);
    });
});

suite('tokens', () => {
    it('users/authenticate answers the token and nothing else', async () => {
        for (const request of [admin('users', 'authenticate').get(), admin('users', 'authenticate').post('')]) {
            const response = await request;
            assert.match(response.headers.get('Content-Type'), /^text\/plain/);
            assert.match(response.headers.get('Set-Cookie'), /^authtoken="/);
            assert.match(await response.text(), /^[!-~]+$/);
        }
    });

    it('users/authenticate wants a password', async () => {
        await refused(anonymous('users', 'authenticate').get(), 401, /./);
        await refused(anonymous('users', 'authenticate').withHeader('X-Authtoken', await token()).get(), 401, /./);
    });

    it('a token is taken from X-Authtoken, with and without quotes', async () => {
        const given = await token();
        assert.equal(await who({ 'X-Authtoken': given }), 'admin');
        assert.equal(await who({ 'X-Authtoken': `"${given}"` }), 'admin');
    });

    it('a token is taken from X-Deki-Token and from the query', async () => {
        const given = await token();
        assert.equal(await who({ 'X-Deki-Token': given }), 'admin');
        assert.equal(await who({}, { authtoken: given }), 'admin');
    });

    it('a token that is none makes a request anonymous', async () => {
        assert.equal(await who({ 'X-Authtoken': '1_no_such_token' }), 'Anonymous');
        assert.equal(await who({ Cookie: 'authtoken="1_no_such_token"' }), 'Anonymous');
    });

    it('a plug with a token writes and reads', async () => {
        const properties = plug({ headers: { 'X-Authtoken': await token() } }, 'files', await newFile(), 'properties');
        await properties.at('p').put('v', 'text/plain');
        assert.equal(await text(properties.at('p').get()), 'v');
        await properties.at('p').delete();
        assert.equal((await many(properties.get())).count, '0');
    });
});

suite('cookies', () => {
    it('the cookie of users/authenticate signs in whoever keeps it', async () => {
        const cookieManager = new Cookies();
        const options = { headers: credentials(), cookieManager, fetchImpl: cookieFetch };
        const given = await text(plug(options, 'users', 'authenticate').get());
        assert.deepEqual(Array.from(cookieManager.kept), [['authtoken', `"${given}"`]]);

        const signedIn = plug({ cookieManager, fetchImpl: cookieFetch });
        const { username } = await account(signedIn.at('users', 'current').get());
        assert.equal(username, 'admin');
        const properties = signedIn.at('files', await newFile(), 'properties');
        await properties.at('p').put('v', 'text/plain');
        assert.equal(await text(properties.at('p').get()), 'v');
        await send(properties, item('q', { text: 'w' }), item('p'));
        await properties.at('q').delete();
        assert.equal((await many(properties.get())).count, '0');
        assert.ok(cookieManager.told.every((url) => new Uri(url).path.startsWith('/@api/deki/')));
    });

    it('a cookie is taken without its quotes, too', async () => {
        assert.equal(await who({ Cookie: `authtoken=${await token()}` }), 'admin');
    });

    it('a password counts beside a cookie that is too old', async () => {
        assert.equal(await who({ ...credentials(), Cookie: 'authtoken="1_no_such_token"' }), 'admin');
    });

    it('users/authenticate leads to where it is told, with the cookie', async () => {
        const cookieManager = new Cookies();
        const target = `${origin()}/@api/deki/users/current`;
        const signIn = plug({ headers: credentials(), cookieManager, fetchImpl: cookieFetch }, 'users', 'authenticate')
            .withParam('redirect', target);
        const { username } = await account(signIn.get());
        assert.deepEqual([username, cookieManager.told.at(-1)], ['admin', target]);
        assert.equal(cookieManager.kept.size, 1);

        const response = await signIn.withoutFollowRedirects().get();
        assert.deepEqual([response.status, response.headers.get('Location')], [302, target]);
    });
});
