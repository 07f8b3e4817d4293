// What the business servers do all the time, and what they may expect of it.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { readFile } from 'node:fs/promises';

const MENU = { button: [{ type: 'click', name: '今日歌曲', key: 'V1001_TODAY_MUSIC' }] };

// turns lists the small calls, of which one is made at a time.
export function turns({ sdk, sandbox, appID, openID }) {
  const all = {
    sendText: async () => ok(await sdk.call('sendText', openID, `你好，${Date.now()}`)),
    getUser: async () => assert.equal((await sdk.call('getUser', { openid: openID, lang: 'zh_CN' })).openid, openID),
    batchGetUsers: async () =>
      assert.deepEqual((await sdk.call('batchGetUsers', [openID])).user_info_list.map((u) => u.openid), [openID]),
    getFollowers: async () => assert.ok((await sdk.call('getFollowers', '')).data.openid.includes(openID)),
    createMenu: async () => ok(await sdk.call('createMenu', MENU)),
    getMenu: async () => assert.equal((await sdk.call('getMenu')).menu.button.length, 1),
    createTmpQRCode: async () => text((await sdk.call('createTmpQRCode', 10000, 1800)).ticket),
    createLimitQRCode: async () => text((await sdk.call('createLimitQRCode', 1)).ticket),
    // Answered by Hufu itself, from the ticket that it manages.
    getTicket: async () => text((await sdk.call('getTicket', 'jsapi')).ticket),
  };
  if (sdk.hasWXACode) {
    all.getWXACodeUnlimit = async () => {
      const picture = await sdk.call('getWXACodeUnlimit', 'a=1', 'pages/index');
      assert.ok(Buffer.isBuffer(picture) && picture.subarray(0, 3).toString('hex') === 'ffd8ff');
    };
  }
  if (sdk.logsIn) {
    all.code2Session = async () => {
      const code = await sandbox.jscode(appID, openID);
      assert.equal((await sdk.call('code2Session', code)).openid, openID);
    };
  }
  return all;
}

// fileCalls lists the calls that send files, and those that fetch what was sent last. The bytes
// that come back are those that were sent.
export async function fileCalls({ sdk, files }) {
  const upload = async (file, kind) => {
    const { media_id: id } = await sdk.call('uploadMedia', file, kind);
    text(id);
    return id;
  };
  // The platform does not keep them for ever, so that the newest are fetched.
  const newest = { small: await upload(files.small, 'image'), large: await upload(files.large, 'image') };
  const uploads = {
    uploadSmall: async () => {
      newest.small = await upload(files.small, 'image');
    },
    uploadLarge: async () => {
      newest.large = await upload(files.large, 'image');
    },
    material: async () => {
      const { media_id: id } = await sdk.call('uploadMaterial', files.small, 'image');
      text(id);
      await same(await sdk.call('getMaterial', id), files.small);
      ok(await sdk.call('removeMaterial', id));
    },
    massVideo: async () => {
      const id = await upload(files.video, 'video');
      text((await sdk.call('uploadMPVideo', { media_id: id, title: '标题', description: '说明' })).media_id);
    },
  };
  const downloads = {
    getSmall: async () => same(await sdk.call('getMedia', newest.small), files.small),
    getLarge: async () => same(await sdk.call('getMedia', newest.large), files.large),
  };
  return { uploads, downloads };
}

async function same(got, file) {
  const want = await readFile(file);
  assert.ok(Buffer.isBuffer(got), 'what came back is no file');
  assert.ok(want.equals(got), `${got.length} bytes came back that are not the ${want.length} that were sent`);
}

function ok(answer) {
  assert.equal(answer.errcode, 0);
}

function text(value) {
  assert.ok(typeof value === 'string' && value !== '');
}
