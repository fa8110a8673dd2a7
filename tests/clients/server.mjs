// Starts propstore on a database of its own, for one file of tests, and stops it again.
//
// Nothing here waits by the clock: the program says on stderr when it listens, and its end is told by the system. The
// time limits are there only so that a server that hangs fails the tests.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** The password of `admin`. */
export const PASSWORD = 'correct horse: battery';

/** How long anything may take before a test fails, in milliseconds. */
export const PATIENCE = 60_000;

const PROGRAM = process.env.PROPSTORE_BIN ?? fileURLToPath(new URL('../../target/debug/propstore', import.meta.url));

/** Our environment without what would change the settings of a server. */
function environment() {
    const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('PROPSTORE_'));
    return { ...Object.fromEntries(kept), NO_COLOR: '1', PROPSTORE_ADMIN_PASSWORD: PASSWORD };
}

/** What a promise gives, unless it takes too long. */
async function inTime(promise, what) {
    let timer;
    const limit = new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Error(`${what} took longer than ${PATIENCE} ms`)), PATIENCE);
    });
    return Promise.race([promise, limit]).finally(() => clearTimeout(timer));
}

/** Where a server listens. Its log is read to the end all the same, so that it can go on writing. */
function address(child, log) {
    return new Promise((resolve, reject) => {
        createInterface({ input: child.stderr }).on('line', (line) => {
            log.push(line);
            const said = /listening on (http:\/\/\S+)/.exec(line);
            if (said !== null) {
                resolve(said[1]);
            }
        });
        child.once('error', reject);
        child.once('close', () => reject(new Error(`the server did not start:\n${log.join('\n')}`)));
    });
}

/**
 * Starts a server on a fresh database.
 * @returns {Promise<{address: string, stop: function(): Promise<void>}>} Where it listens, and how to stop it.
 */
export async function startServer() {
    const folder = await mkdtemp(join(tmpdir(), 'propstore-clients-'));
    const log = [];
    const child = spawn(PROGRAM, ['serve', '--listen', '127.0.0.1:0', '--db', join(folder, 'test.db')], {
        env: environment(),
        stdio: ['ignore', 'ignore', 'pipe']
    });
    // It must not outlive tests that end early.
    const kill = () => child.kill('SIGKILL');
    process.once('exit', kill);
    const closed = once(child, 'close');
    // That it could not be started at all is told by `address`.
    closed.catch(() => {});
    try {
        return { address: await inTime(address(child, log), 'the start'), stop };
    } catch (error) {
        kill();
        await rm(folder, { recursive: true });
        throw error;
    }

    async function stop() {
        child.kill('SIGTERM');
        try {
            const [code, signal] = await inTime(closed, 'the end');
            assert.deepEqual({ code, signal }, { code: 0, signal: null }, log.join('\n'));
        } finally {
            kill();
            process.removeListener('exit', kill);
            await rm(folder, { recursive: true });
        }
    }
}
