// What the tests share: plugs as a user of the package makes them, requests as users of the API spell them, and the
// answers as plain data.
//
// A plug shares its headers with those that `at` and `withParam` derive from it, and `put` and `post` leave their
// Content-Type in them: it goes along with later requests, also with reads. That is how the package is, and the server
// has to cope with it.

import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { after, before, describe } from 'node:test';
import { DOMParser, onErrorStopParsing } from '@xmldom/xmldom';
import { Plug, Uri } from 'mindtouch-http.js';
import { PASSWORD, PATIENCE, startServer } from './server.mjs';

export { PASSWORD, Uri };

/** The most bytes of a text that answers show. */
export const SHOWN = 2048;

/** What an etag looks like. */
export const ETAG = /^\d+\.r\d+_ts\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

/** What a moment looks like. */
export const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

// Each file of tests is a process, and has one server.
let server;

/** Tests with a server of their own. */
export function suite(name, tests) {
    describe(name, () => {
        before(async () => {
            server = await startServer();
        });
        // There is none if it did not start.
        after(() => server?.stop());
        tests();
    });
}

// ---- plugs

/** Where the server listens. */
export function origin() {
    return server.address;
}

/** The fetch that the package calls: with a time limit, and to our server only, wherever a link leads. */
export async function boundedFetch(request) {
    assert.equal(new URL(request.url).origin, origin());
    return fetch(request, { signal: AbortSignal.timeout(PATIENCE) });
}

/** The headers that carry a name and a password; of `admin`, if none is given. */
export function credentials(name = 'admin', password = PASSWORD) {
    return { Authorization: `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}` };
}

/** A plug of `admin` at a link from an answer, just as it stands there. */
export function follow(href) {
    return new Plug(href, { headers: credentials(), fetchImpl: boundedFetch });
}

/** A plug below the root of the API. */
export function plug(options, ...segments) {
    const root = new Uri(origin());
    root.addSegments('@api', 'deki', segments.map(String));
    return new Plug(root.toString(), { fetchImpl: boundedFetch, ...options });
}

/** A plug without credentials. */
export function anonymous(...segments) {
    return plug({}, ...segments);
}

/** A plug of an account. */
export function as(name, password, ...segments) {
    return plug({ headers: credentials(name, password) }, ...segments);
}

/** A plug of `admin`. */
export function admin(...segments) {
    return plug({ headers: credentials() }, ...segments);
}

// ---- what has to be there first

let made = 0;

/** A name that nothing has yet. */
export function newName() {
    made += 1;
    return `n${made}`;
}

/** Puts a new file on the page home: its number. */
export async function newFile() {
    const root = await rootOf(admin('pages', 'home', 'files', `=${newName()}`).put('content', 'text/plain'));
    return root.getAttribute('id');
}

/** The properties of a new file, as `admin`. */
export async function newProperties() {
    return admin('files', await newFile(), 'properties');
}

/** Makes an account: its number. */
export async function newAccount(name, password, role) {
    const user = `<user><username>${escaped(name)}</username>`
        + `<permissions.user><role>${role}</role></permissions.user></user>`;
    const root = await rootOf(admin('users').withParam('accountpassword', password).post(user, 'application/xml'));
    return root.getAttribute('id');
}

// ---- keys

/** A segment encoded once, as newer clients do it. */
export const once = encodeURIComponent;

/** A segment encoded twice, as older clients do it. */
export function twice(text) {
    return once(once(text));
}

// ---- batches

/** Text as XML can hold it, also in attributes. */
export function escaped(text) {
    return text.replace(/[&<>"\t\n\r]/g, (c) => `&#${c.charCodeAt(0)};`);
}

/**
 * An item of a batch: creates or updates with `text` (or `markup`, as it stands), deletes without both.
 */
export function item(name, { etag, type = 'text/plain', text, markup, description } = {}) {
    const seen = etag === undefined ? '' : ` etag="${escaped(etag)}"`;
    const value = markup ?? (text === undefined ? undefined : escaped(text));
    const contents = value === undefined ? '' : `<contents type="${escaped(type)}">${value}</contents>`;
    const words = description === undefined ? '' : `<description>${escaped(description)}</description>`;
    return `<property name="${escaped(name)}"${seen}>${contents}${words}</property>`;
}

/** A batch of these items. */
export function batch(...items) {
    return `<properties>${items.join('')}</properties>`;
}

/** Sends a batch of these items. */
export function send(properties, ...items) {
    return properties.put(batch(...items), 'application/xml');
}

// ---- answers

/** The body of an answer as text. */
export async function text(answer) {
    return (await answer).text();
}

/** The root element of a document. */
function parse(document) {
    return new DOMParser({ onError: onErrorStopParsing }).parseFromString(document, 'text/xml').documentElement;
}

/** The root element of an answer. */
async function rootOf(answer) {
    const response = await answer;
    assert.equal(response.headers.get('Content-Type'), 'application/xml; charset=utf-8');
    return parse(await response.text());
}

/** The child elements of this name. */
function children(element, name) {
    return Array.from(element.childNodes).filter((node) => node.nodeName === name);
}

/** The only child element of this name, if there is one. */
function child(element, name) {
    const found = children(element, name);
    assert.ok(found.length < 2, `<${name}> is there ${found.length} times`);
    return found[0];
}

/** The text of the child element of this name, if there is one. */
function childText(element, name) {
    return child(element, name)?.textContent;
}

/** All attributes of an element. */
function attributes(element) {
    return Object.fromEntries(Array.from(element.attributes, ({ name, value }) => [name, value]));
}

/** Who a `<user>` or its like is. */
function user(element) {
    return element && { id: element.getAttribute('id'), username: childText(element, 'username') };
}

/** An `<error>`. */
function error(element) {
    const names = ['status', 'title', 'message', 'uri'];
    return Object.fromEntries(names.map((name) => [name, childText(element, name)]));
}

/** A `<property>`. What it does not have is undefined. */
function property(element) {
    const contents = child(element, 'contents');
    const status = child(element, 'status');
    const failure = status && child(status, 'error');
    return {
        ...attributes(element),
        contents: contents && { ...attributes(contents), text: contents.textContent },
        modified: childText(element, 'date.modified'),
        modifiedBy: user(child(element, 'user.modified')),
        description: childText(element, 'change-description'),
        deleted: childText(element, 'date.deleted'),
        deletedBy: user(child(element, 'user.deleted')),
        status: status?.getAttribute('code'),
        error: failure && error(failure)
    };
}

/** The `<property>` that is the whole answer. */
export async function one(answer) {
    const root = await rootOf(answer);
    assert.equal(root.nodeName, 'property');
    return property(root);
}

/** The `<properties>` that are the whole answer: what is said of them, and each of them. */
export async function many(answer) {
    const root = await rootOf(answer);
    assert.equal(root.nodeName, 'properties');
    const all = children(root, 'property').map(property);
    return { ...attributes(root), language: childText(root, 'language'), all, names: all.map(({ name }) => name) };
}

/** The `<file>` that is the whole answer. */
export async function file(answer) {
    const root = await rootOf(answer);
    assert.equal(root.nodeName, 'file');
    const contents = attributes(child(root, 'contents'));
    return { ...attributes(root), filename: childText(root, 'filename'), contents };
}

/** The `<user>` that is the whole answer. */
export async function account(answer) {
    const root = await rootOf(answer);
    assert.equal(root.nodeName, 'user');
    return user(root);
}

/** What the package rejects with, as it is documented there. */
export async function rejection(answer, status) {
    const failure = await answer.then(
        (response) => assert.fail(`answered with ${response.status} instead of ${status}`),
        (reason) => reason
    );
    if (failure instanceof Error) {
        throw failure;
    }
    assert.deepEqual(Object.keys(failure), ['message', 'status', 'responseText']);
    assert.equal(failure.status, status, failure.responseText);
    return failure;
}

/** The answer is an error with this status and this message (or a message that matches). */
export async function refused(answer, status, message) {
    const failure = await rejection(answer, status);
    const root = parse(failure.responseText);
    assert.equal(root.nodeName, 'error');
    const told = error(root);
    assert.equal(told.status, String(status));
    assert.equal(told.title, failure.message);
    if (message instanceof RegExp) {
        assert.match(told.message, message);
    } else {
        assert.equal(told.message, message);
    }
    return told;
}
