"""Small pages, in the browser's language, without anything from elsewhere."""

from __future__ import annotations

import html
from typing import Final

from config.languages import language_of

_PAGE: Final = """<!doctype html>
<html lang="{lang}">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Drivekeeper</title>
<style>
  :root {{ color-scheme: light dark; --ink: #16202b; --paper: #f2f5f8; --card: #fff; }}
  @media (prefers-color-scheme: dark) {{
    :root {{ --ink: #e8edf2; --paper: #10161d; --card: #1a232d; }}
  }}
  body {{ margin: 0; min-height: 100dvh; display: grid; place-items: center;
    background: var(--paper); color: var(--ink); font: 17px/1.5 system-ui, sans-serif; }}
  main {{ background: var(--card); border-radius: 20px; padding: 36px 28px; margin: 20px;
    max-width: 24rem; text-align: center; box-shadow: 0 8px 40px rgb(0 0 0 / .12); }}
  .sign {{ font-size: 56px; line-height: 1; }}
  h1 {{ font-size: 1.35rem; margin: 16px 0 8px; }}
  p {{ margin: 0 0 20px; opacity: .85; text-wrap: balance; }}
  p:last-child {{ margin: 0; }}
  a {{ display: block; background: #2481cc; color: #fff; text-decoration: none;
    padding: 14px; border-radius: 12px; font-weight: 600; }}
  a:focus-visible {{ outline: 3px solid #7ec0ff; outline-offset: 3px; }}
</style>
<main>
  <div class="sign" aria-hidden="true">{sign}</div>
  <h1>{title}</h1>
  <p>{text}</p>
  {button}
</main>
</html>
"""

_TEXTS: Final = {
    "en": {
        "approved": ("Almost done", "The rest happens in the chat you came from."),
        "back": "Back to Telegram",
        "access_denied": (
            "Nothing was connected",
            "You declined. You can close this page. If you change your mind, "
            "start again in the chat.",
        ),
        "scope_missing": (
            "The box was not ticked",
            "Without access to Google Drive I cannot put files there. "
            "Start again in the chat, and tick the box.",
        ),
        "org_policy": (
            "Your organisation does not allow it",
            "The organisation your Google account belongs to does not let this bot use its "
            "members' Google Drive. Ask its Google administrator, or start again in the chat with "
            "another account.",
        ),
        "org_internal": (
            "This account is not among the members",
            "This bot is for the members of one organisation. Start again in the chat with an "
            "account of that organisation.",
        ),
        "lapsed": (
            "This link is over",
            "It was used already, or its 10 minutes have passed. Start again in the chat.",
        ),
        "failed": (
            "That did not work",
            "Google did not give the answer I need. Start again in the chat in a few minutes.",
        ),
        "no_departments": (
            "There is nothing to sign in to here",
            "This process does not serve departments. Nothing was used up: tell whoever gave you "
            "the address.",
        ),
        "not_yet": (
            "Not just now",
            "The service is starting, or its database does not answer. Nothing is lost: open this "
            "page again in a moment.",
        ),
    },
    "zh-Hant": {
        "approved": ("快完成了", "接下來請回到剛才的聊天室完成。"),
        "back": "回到 Telegram",
        "access_denied": (
            "沒有連接任何帳號",
            "你拒絕了授權，可以關閉這個頁面了。如果改變主意，請在聊天室重新開始。",
        ),
        "scope_missing": (
            "沒有勾選權限",
            "少了 Google 雲端硬碟的權限，我就無法把檔案放進去。請在聊天室重新開始，並勾選該項。",
        ),
        "org_policy": (
            "你的機構不允許",
            "你的 Google 帳號所屬的機構不允許這個機器人使用成員的 Google 雲端硬碟。"
            "請洽機構的 Google 管理員，或在聊天室改用其他帳號重新開始。",
        ),
        "org_internal": (
            "這個帳號不是成員",
            "這個機器人只供某個機構的成員使用。請在聊天室改用該機構的帳號重新開始。",
        ),
        "lapsed": ("這個連結已經失效", "連結已經用過，或已超過 10 分鐘。請在聊天室重新開始。"),
        "failed": ("沒有成功", "Google 沒有給我需要的回應。請過幾分鐘在聊天室重新開始。"),
        "no_departments": (
            "這裡沒有可以登入的頁面",
            "這個程序不提供部門的頁面。連結還沒有用掉；請告訴給你這個網址的人。",
        ),
        "not_yet": (
            "現在還不行",
            "服務正在啟動，或資料庫沒有回應。什麼都不會遺失；請過一會兒重新打開這個頁面。",
        ),
    },
    "zh-Hans": {
        "approved": ("快完成了", "接下来请回到刚才的聊天中完成。"),
        "back": "回到 Telegram",
        "access_denied": (
            "没有连接任何账号",
            "你拒绝了授权，可以关闭这个页面了。如果改变主意，请在聊天中重新开始。",
        ),
        "scope_missing": (
            "没有勾选权限",
            "少了 Google 云端硬盘的权限，我就无法把文件放进去。请在聊天中重新开始，并勾选该项。",
        ),
        "org_policy": (
            "你的机构不允许",
            "你的 Google 账号所属的机构不允许这个机器人使用成员的 Google 云端硬盘。"
            "请咨询机构的 Google 管理员，或在聊天中改用其他账号重新开始。",
        ),
        "org_internal": (
            "这个账号不是成员",
            "这个机器人只供某个机构的成员使用。请在聊天中改用该机构的账号重新开始。",
        ),
        "lapsed": ("这个链接已经失效", "链接已经用过，或已超过 10 分钟。请在聊天中重新开始。"),
        "failed": ("没有成功", "Google 没有给我需要的回应。请过几分钟在聊天中重新开始。"),
        "no_departments": (
            "这里没有可以登录的页面",
            "这个进程不提供部门的页面。链接还没有用掉；请告诉给你这个网址的人。",
        ),
        "not_yet": (
            "现在还不行",
            "服务正在启动，或数据库没有响应。什么都不会丢失；请过一会儿重新打开这个页面。",
        ),
    },
}
_LAPSED: Final = frozenset({"wrong_state", "used", "expired", "superseded"})


def _language(accept: str) -> str:
    first = accept.split(",")[0].partition(";")[0].strip()
    return language_of(first).replace("_", "-")


def approved_page(link: str, accept_language: str) -> str:
    """Google said yes; `link` holds the one-time code, and a tap on it sends it to the bot."""
    language = _language(accept_language)
    label = html.escape(str(_TEXTS[language]["back"]))
    button = f'<a href="{html.escape(link)}" rel="noreferrer">{label}</a>'
    return _render(language, "✅", "approved", button)


def refused_page(code: str, accept_language: str) -> str:
    """Why nothing was connected, by a result code."""
    language = _language(accept_language)
    key = "lapsed" if code in _LAPSED else code
    return _render(language, "🤚", key if key in _TEXTS[language] else "failed", "")


def not_yet_page(accept_language: str) -> str:
    """What somebody finds who opens any page while the process stands by, or waits to start."""
    return _render(_language(accept_language), "⏳", "not_yet", "")


def no_departments_page(accept_language: str) -> str:
    """What whoever opens a sign-in link finds where departments are not served."""
    return _render(_language(accept_language), "🤚", "no_departments", "")


def _render(language: str, sign: str, key: str, button: str) -> str:
    title, text = _TEXTS[language][key]
    return _PAGE.format(
        lang=language, sign=sign, title=html.escape(title), text=html.escape(text), button=button
    )
