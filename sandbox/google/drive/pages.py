"""A Drive to look at: whose files went where, and what they are.

No sign-in; it is a sandbox: who opens a page is the file's owner, and with `?as=anyone` somebody
without an account, who sees what is shared with anyone.
"""

from __future__ import annotations

from urllib.parse import urlencode

from aiohttp import web

from sandbox.google.drive.resource import content_response, is_public, view_link
from sandbox.google.html import STATIC, Html, avatar, human_size, join, page, page_to_raise, render
from sandbox.google.model import Account, DriveFile
from sandbox.google.oauth.consent_pages import chooser
from sandbox.google.world import GoogleWorld

# Types a browser shows without running anything in them.
_SHOWN = {
    "image": frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"}),
    "video": frozenset({"video/mp4", "video/webm"}),
    "audio": frozenset({"audio/mpeg", "audio/ogg", "audio/mp4", "audio/wav"}),
}

_LABELS = {
    "trash": "Trash",
    "restore": "Restore",
    "delete": "Delete",
    "share-drive": "Move to a shared drive",
    "my-drive": "Move to My Drive",
}


def page_routes(world: GoogleWorld) -> list[web.AbstractRouteDef]:
    """Pages for people."""
    pages = DrivePages(world)
    return [
        web.get("/file/d/{id}/view", pages.file),
        web.get("/uc", pages.download),
        web.get("/drive", pages.home),
        web.get("/drive/folders/{id}", pages.folder),
        web.post("/drive/act", pages.act),
        web.static("/sandbox/google/static", STATIC),
    ]


class DrivePages:
    """File page, folder pages, download."""

    def __init__(self, world: GoogleWorld):
        self._world = world

    def _file(self, file_id: str) -> DriveFile:
        file = self._world.files.get(file_id)
        if file is None:
            raise page_to_raise("Not found", render("gone.html"), status=404)
        return file

    def _admitted(self, request: web.Request, file: DriveFile) -> bool:
        """Whether it is the owner; where nobody may come in, the way leads to the sign-in."""
        owner = request.query.get("as") != "anyone"
        if not owner and not is_public(self._world, file):
            raise web.HTTPFound("/drive")
        return owner

    async def file(self, request: web.Request) -> web.StreamResponse:
        """/file/d/{id}/view: what webViewLink opens."""
        file = self._file(request.match_info["id"])
        if file.is_folder:
            raise web.HTTPFound(f"/drive/folders/{file.id}")
        owner = self._admitted(request, file)
        account = self._world.accounts[file.account]
        shared = is_public(self._world, file)
        download = {"id": file.id, "export": "download"} | ({} if owner else {"as": "anyone"})
        body = render(
            "file.html",
            name=file.name,
            size=human_size(file.size),
            bytes=f"{file.size or 0:,}",
            type=file.mime_type,
            md5=file.md5 or "—",
            created=file.created.replace("T", " ")[:19],
            owner=account.name,
            email=account.email,
            avatar=avatar(account.email, account.name),
            preview=_preview(file),
            notice=_notice(self._world, file),
            download=f"/uc?{urlencode(download)}",
            access="anyone with the link" if shared else "its owner alone",
            around=self._around(account, file) if owner else Html(""),
        )
        return page(file.name, body)

    async def download(self, request: web.Request) -> web.StreamResponse:
        """/uc: the bytes, to keep or (``export=view``) to show in the page."""
        file = self._file(request.query.get("id", ""))
        if file.blob is None:
            raise web.HTTPNotFound
        self._admitted(request, file)
        shown = request.query.get("export") == "view" and _kind(file) is not None
        return content_response(self._world, file, attachment=not shown)

    async def home(self, request: web.Request) -> web.StreamResponse:
        """/drive: whose Drive?, or the root of one."""
        name = request.query.get("account", "").strip()
        if not name:
            return page("Whose Drive?", chooser(self._world, "/drive", []))
        account = self._world.account_to_show(name)
        return self._listing(account, account.root_id, "My Drive")

    async def folder(self, request: web.Request) -> web.StreamResponse:
        """/drive/folders/{id}."""
        folder_id = request.match_info["id"]
        if (drive := self._world.shared_drives.get(folder_id)) is not None:
            account = self._world.account(
                request.query.get("account") or next(iter(drive.roles), "amy")
            )
            return self._listing(account, drive.id, drive.name)
        file = self._file(folder_id)
        return self._listing(self._world.accounts[file.account], file.id, file.name)

    async def act(self, request: web.Request) -> web.StreamResponse:
        """What the owner does in Drive's own page: trash, restore, delete, move."""
        form = await request.post()
        file = self._file(str(form.get("file_id", "")))
        account = self._world.accounts[file.account]
        parent = file.parents[0] if file.parents else account.root_id
        match form.get("action"):
            case "delete":
                self._world.files.remove(file)
            case "share-drive":
                drive = self._world.first_shared_drive(account.email)
                self._world.files.place(file, [drive.id], drive.id)
            case "my-drive":
                self._world.files.place(file, [account.root_id], "")
            case action:
                file.trashed = action == "trash"
        self._world.note_change()
        raise web.HTTPSeeOther(_folder_link(account, parent))

    def _around(self, account: Account, file: DriveFile) -> Html:
        parent = file.parents[0] if file.parents else account.root_id
        return render(
            "file_around.html",
            folder=_folder_link(account, parent),
            folder_name=self._folder_name(account, parent),
            link=f"{view_link('', file)}?as=anyone",
        )

    def _folder_name(self, account: Account, folder_id: str) -> str:
        drives = self._world.shared_drives
        folder = drives.get(folder_id) or self._world.files.get(folder_id)
        return folder.name if folder is not None else "My Drive"

    def _listing(self, account: Account, folder_id: str, title: str) -> web.Response:
        files = self._world.files
        found = files.children(account.email, folder_id)
        found.sort(key=lambda file: (not file.is_folder, file.name.casefold()))
        rows = [self._row(file) for file in found]
        if folder_id == account.root_id:
            rows += self._shared_drives(account)
        used = self._world.usage(account)
        body = render(
            "drive.html",
            title=title,
            name=account.name,
            email=account.email,
            avatar=avatar(account.email, account.name),
            crumbs=self._crumbs(account, folder_id),
            rows=join(rows) if rows else render("empty.html"),
            used=human_size(used),
            limit=human_size(account.limit),
            share=min(100, round(100 * used / account.limit)) if account.limit else 100,
        )
        return page(f"{title} – {account.name}", body, wide=True)

    def _row(self, file: DriveFile) -> Html:
        trashed = self._world.files.is_trashed(file)
        move = "my-drive" if file.drive_id else "share-drive"
        actions = ["restore", "delete"] if file.trashed else [move, "trash"]
        buttons = [
            render("drive_button.html", id=file.id, action=action, label=_LABELS[action])
            for action in actions
        ]
        return render(
            "drive_row.html",
            href=view_link("", file),
            icon=_icon(file),
            name=file.name,
            state="trashed" if trashed else "",
            size=human_size(file.size),
            when=file.modified.replace("T", " ")[:16],
            buttons=join(buttons),
        )

    def _shared_drives(self, account: Account) -> list[Html]:
        return [
            render(
                "drive_row.html",
                href=f"/drive/folders/{drive.id}?{urlencode({'account': account.email})}",
                icon="🗄️",
                name=f"{drive.name} (shared drive)",
                state="",
                size="",
                when=drive.roles[account.email],
                buttons=Html(""),
            )
            for drive in self._world.shared_drives.values()
            if account.email in drive.roles
        ]

    def _crumbs(self, account: Account, folder_id: str) -> Html:
        files, drives = self._world.files, self._world.shared_drives
        folder = files.get(folder_id)
        around = list(files.with_folders(folder)) if folder is not None else []
        above = around[-1].parents[0] if around and around[-1].parents else ""
        shown = [(f"/drive/folders/{one.id}", one.name) for one in around]
        if above in drives:
            shown.append((f"/drive/folders/{above}", drives[above].name))
        shown.append((f"/drive?{urlencode({'account': account.email})}", "My Drive"))
        return join([render("crumb.html", href=href, name=name) for href, name in shown[::-1]])


def _folder_link(account: Account, folder_id: str) -> str:
    if folder_id == account.root_id:
        return f"/drive?{urlencode({'account': account.email})}"
    return f"/drive/folders/{folder_id}"


def _kind(file: DriveFile) -> str | None:
    return next((kind for kind, types in _SHOWN.items() if file.mime_type in types), None)


def _icon(file: DriveFile) -> str:
    if file.is_folder:
        return "📁"
    return {"image": "🖼️", "video": "🎬", "audio": "🎵"}.get(file.mime_type.split("/")[0], "📄")


def _preview(file: DriveFile) -> Html:
    kind = _kind(file)
    if kind is None:
        return render("preview_none.html", icon=_icon(file))
    source = f"/uc?{urlencode({'id': file.id, 'export': 'view'})}"
    return render(f"preview_{kind}.html", src=source, name=file.name)


def _notice(world: GoogleWorld, file: DriveFile) -> Html:
    return render("trashed.html") if world.files.is_trashed(file) else Html("")
