"""What WhatsApp writes into its text exports by itself, in the languages of the application. Data alone."""

from __future__ import annotations

from ventriloquist.media import MediaKind

# before or after the time of day, without dots and spaces, in small letters
MORNING = frozenset(
    [
        "am",
        "上午",
        "午前",
        "오전",
        "凌晨",
        "早上",
        "清晨",
        "ص",
        "vorm",
        "sa",
        "öö",
        "πμ",
        "قظ",
        "fm",
        "fp",
        "dop",
        "pg",
        "प",
        "पूर्वाह्न",
        "rano",
        "de",
        "ap",
        "ipda",
        "da\xa0manhã",
    ]
)
AFTERNOON = frozenset(
    [
        "pm",
        "下午",
        "午後",
        "오후",
        "中午",
        "晚上",
        "傍晚",
        "م",
        "nachm",
        "ch",
        "ös",
        "μμ",
        "بظ",
        "em",
        "eip",
        "odp",
        "ptg",
        "अ",
        "अपराह्न",
        "du",
        "ip",
    ]
)

MEDIA: dict[str, MediaKind] = {  # whole texts, without marks of direction and angle brackets, in small letters
    **dict.fromkeys((
        "media omitted", "media weggelassen", "medien ausgeschlossen", "medien weggelassen", "multimedia omitido",
        "archivo omitido", "archivo multimedia omitido", "médias omis", "médias omises", "fichier omis", "media omessi",
        "media omesso", "mídia oculta", "arquivo de mídia oculto", "mídia omitida", "ficheiro não revelado",
        "media weggelaten", "без медиафайлов", "файл пропущен", "данные исключены", "медіа пропущено", "без медіафайлів",
        "medya dahil edilmedi", "medya atlanmış", "媒体文件已略去", "省略多媒體檔案", "略過多媒體檔", "媒體已略去",
        "メディアは含まれていません", "メディアなし", "미디어 파일을 생략한 메시지", "미디어 파일을 제외한 대화내용", "사진 및 동영상 생략",
        "medier udeladt", "medier er udeladt", "media utelämnad", "media utelämnat", "medier utelatt", "utelatt media",
        "media jätetty pois", "pliki multimedialne pominięto", "multimedia pominięte", "pominięto multimedia",
        "média vynechány", "médiá vynechané", "hiányzó médiafájl", "média kihagyva", "conținut media omis", "media omise",
        "παραλείφθηκαν πολυμέσα", "המדיה לא נכללה", "מדיה הושמטה", "تم استبعاد الوسائط", "رسانه حذف شد", "मीडिया छोड़ा गया",
        "मीडिया के बिना", "media tidak disertakan", "media dihilangkan", "media disingkirkan", "bỏ qua media",
        "ไม่รวมสื่อ", "multimèdia omesos", "medij izostavljen", "medijski sadržaj izostavljen",
    ), "file"),
    **dict.fromkeys((
        "image omitted", "photo omitted", "gif omitted", "bild weggelassen", "gif weggelassen", "imagen omitida",
        "gif omitido", "image absente", "image omise", "gif omis", "gif absent", "immagine omessa", "gif esclusa",
        "imagem ocultada", "imagem omitida", "gif ocultado", "afbeelding weggelaten", "gif weggelaten",
        "изображение отсутствует", "изображение опущено", "görüntü dahil edilmedi", "图像已忽略", "圖片略去", "画像は省略されました",
        "이미지 생략됨", "billede udeladt", "bild utelämnad", "bilde utelatt", "obraz pominięty", "pominięto obraz",
    ), "photo"),
    **dict.fromkeys((
        "video omitted", "video note omitted", "video weggelassen", "videonachricht weggelassen", "video omitido",
        "vídeo omitido", "vidéo absente", "vidéo omise", "video omesso", "vídeo ocultado", "video weggelaten",
        "видео отсутствует", "видео опущено", "video dahil edilmedi", "视频已忽略", "影片略去", "動画は省略されました",
        "동영상 생략됨", "video udeladt", "video utelämnad", "video utelatt", "film pominięty", "pominięto wideo",
    ), "video"),
    **dict.fromkeys((
        "audio omitted", "voice message omitted", "audio weggelassen", "audio omitido", "audio omis", "audio absent",
        "audio omesso", "áudio ocultado", "áudio omitido", "audio weggelaten", "аудиофайл отсутствует", "аудио опущено",
        "ses dahil edilmedi", "音频已忽略", "語音略去", "音声は省略されました", "오디오 생략됨", "lyd udeladt", "ljud utelämnat",
        "lyd utelatt", "audio pominięte", "pominięto audio",
    ), "voice"),
    **dict.fromkeys((
        "sticker omitted", "sticker weggelassen", "sticker omitido", "sticker omis", "autocollant omis",
        "sticker non incluso", "sticker omesso", "figurinha omitida", "figurinha ocultada", "autocolante omitido",
        "sticker weggelaten", "стикер отсутствует", "стикер опущен", "çıkartma dahil edilmedi", "表情已忽略", "貼圖略去",
        "スタンプは省略されました", "스티커 생략됨", "mærkat udeladt", "klistermärke utelämnat", "naklejka pominięta",
    ), "sticker"),
    **dict.fromkeys((
        "document omitted", "contact card omitted", "dokument weggelassen", "kontaktkarte ausgelassen",
        "documento omitido", "tarjeta de contacto omitida", "document omis", "fiche contact omise", "documento omesso",
        "scheda contatto omessa", "documento ocultado", "cartão do contato omitido", "document weggelaten",
        "contactkaart weggelaten", "документ отсутствует", "belge dahil edilmedi", "文档已忽略", "文件略去",
        "ドキュメントは省略されました", "문서 생략됨", "dokument pominięty",
    ), "file"),
}  # fmt: skip

DELETED = frozenset((  # whole texts, without marks of direction and a full stop at the end, in small letters
    "this message was deleted", "you deleted this message", "diese nachricht wurde gelöscht",
    "du hast diese nachricht gelöscht", "se eliminó este mensaje", "este mensaje fue eliminado",
    "eliminaste este mensaje", "ce message a été supprimé", "vous avez supprimé ce message",
    "questo messaggio è stato eliminato", "hai eliminato questo messaggio", "mensagem apagada",
    "essa mensagem foi apagada", "esta mensagem foi apagada", "você apagou esta mensagem", "apagou esta mensagem",
    "dit bericht is verwijderd", "je hebt dit bericht verwijderd", "u hebt dit bericht verwijderd",
    "данное сообщение удалено", "сообщение удалено", "вы удалили данное сообщение", "это сообщение удалено",
    "bu mesaj silindi", "bu mesajı sildiniz", "此消息已删除", "您删除了此消息", "你已删除这条消息", "此訊息已刪除", "你已刪除此訊息",
    "このメッセージは削除されました", "メッセージを削除しました", "삭제된 메시지입니다", "이 메시지를 삭제했습니다", "denne besked blev slettet",
    "du slettede denne besked", "detta meddelande raderades", "du raderade detta meddelande",
    "denne meldingen ble slettet", "du slettet denne meldingen", "tämä viesti poistettiin", "poistit tämän viestin",
    "ta wiadomość została usunięta", "usunięto tę wiadomość", "tato zpráva byla smazána", "ezt az üzenetet törölték",
    "acest mesaj a fost șters", "αυτό το μήνυμα διαγράφηκε", "הודעה זו נמחקה", "מחקת הודעה זו", "تم حذف هذه الرسالة",
    "لقد حذفت هذه الرسالة", "حذفت هذه الرسالة", "यह मैसेज मिटाया गया", "यह संदेश हटा दिया गया था", "pesan ini dihapus",
    "anda menghapus pesan ini", "mesej ini telah dipadam", "tin nhắn này đã bị xóa", "ข้อความนี้ถูกลบแล้ว",
    "waiting for this message", "waiting for this message. this may take a while",
))  # fmt: skip
DELETED_BY = ("this message was deleted by admin", "diese nachricht wurde von admin", "eliminado por el admin",
              "supprimé par l'admin", "supprimé par l’admin", "eliminato dall'admin", "apagada pelo admin")  # fmt: skip

EDITED = frozenset((  # at the end of a text, in angle brackets
    "this message was edited", "diese nachricht wurde bearbeitet", "se editó este mensaje", "este mensaje fue editado",
    "ce message a été modifié", "questo messaggio è stato modificato", "mensagem editada", "esta mensagem foi editada",
    "dit bericht is bewerkt", "dit bericht is gewijzigd", "данное сообщение изменено", "сообщение изменено",
    "bu mesaj düzenlendi", "此消息已编辑", "此訊息已編輯", "このメッセージは編集されました", "수정된 메시지입니다",
    "denne besked blev redigeret", "detta meddelande redigerades", "denne meldingen ble redigert",
    "tätä viestiä muokattiin", "ta wiadomość została zmieniona", "ta wiadomość została edytowana", "הודעה זו נערכה",
    "تم تعديل هذه الرسالة", "यह मैसेज एडिट किया गया", "pesan ini diedit", "mesej ini telah diedit",
))  # fmt: skip

ATTACHED = (  # "IMG-2023.jpg (file attached)"
    "file attached", "datei angehängt", "archivo adjunto", "fichier joint", "file allegato", "arquivo anexado",
    "ficheiro anexado", "bestand bijgevoegd", "файл добавлен", "прикрепленный файл", "dosya ekli", "文件附件", "附件檔案", "已附上檔案",
    "ファイル添付済み", "添付ファイル", "첨부 파일", "파일 첨부됨", "fil vedhæftet", "bifogad fil", "fil vedlagt", "tiedosto liitetty",
    "plik dołączony", "załączono plik", "přiložený soubor", "הקובץ מצורף", "الملف مرفق", "फ़ाइल अटैच है", "file terlampir",
    "fail dilampirkan", "tệp đính kèm", "fitxer adjunt",
)  # fmt: skip

# beginnings of what only the application says, in small letters; looked for behind a mark of direction
GENERATED = {
    "call": (
        "missed voice call", "missed video call", "missed group", "voice call", "video call", "group call",
        "verpasster", "sprachanruf", "videoanruf", "llamada", "videollamada", "appel", "chiamata", "videochiamata",
        "chamada", "ligação", "gemiste", "spraakoproep", "video-oproep", "пропущенный", "аудиозвонок", "видеозвонок",
        "cevapsız", "sesli arama", "görüntülü arama", "未接", "语音通话", "視訊通話", "語音通話", "不在着信", "부재중",
    ),
    "poll": ("poll:", "umfrage:", "encuesta:", "sondage", "sondaggio:", "enquete:", "опрос:", "anket:", "投票"),
    "location": (
        "location:", "live location shared", "standort:", "ubicación:", "localisation", "posizione:", "localização:",
        "locatie:", "местоположение:", "konum:", "位置",
    ),
    "event": (
        "messages and calls are end-to-end encrypted", "messages to this", "messages you send", "this chat is with",
        "nachrichten und anrufe sind", "nachrichten, die du", "los mensajes y las llamadas", "los mensajes y llamadas",
        "les messages et les appels", "les messages et appels", "i messaggi e le chiamate",
        "as mensagens e as chamadas", "as mensagens e as ligações", "mensagens e ligações", "berichten en gesprekken",
        "berichten en oproepen", "сообщения и звонки", "сообщения и звонки защищены", "mesajlar ve aramalar",
        "消息和通话", "訊息和通話", "メッセージと通話", "메시지와 통화", "הודעות ושיחות", "הרשומות והשיחות", "الرسائل والمكالمات",
        "संदेश और कॉल", "pesan dan panggilan", "beskeder og opkald", "meddelanden och samtal", "wiadomości i połączenia",
        "you created", "you added", "you were added", "you left", "you removed", "you changed", "you joined",
        "you're now an admin", "you are now an admin", "you pinned", "you unblocked", "you blocked", "you turned",
        "your security code", "disappearing messages", "tap to", "this business", "this group", "waiting for this",
    ),
}  # fmt: skip
SYSTEM_ENDINGS = (  # of a text behind a mark of direction whose beginning is a name: "Ann added Ben"
    " created this group", " created group", " joined using this group's invite link", " left", " was added",
    " changed this group's icon", " changed the group description", " changed their phone number", " changed the subject",
    " is a contact", " pinned a message", " joined from the community", " turned on admin approval",
    " turned on disappearing messages", " changed to",
)  # fmt: skip

TITLES = (  # of a file: the chat's name is the group
    r"WhatsApp Chat with (.+)", r"WhatsApp Chat - (.+)", r"WhatsApp-Chat mit (.+)", r"WhatsApp-chat met (.+)",
    r"WhatsApp-chatt med (.+)", r"WhatsApp-chat med (.+)", r"Chat de WhatsApp con (.+)", r"Chat WhatsApp con (.+)",
    r"Conversación de WhatsApp con (.+)", r"Discussion WhatsApp avec (.+)", r"Conversa do WhatsApp com (.+)",
    r"Chat do WhatsApp com (.+)", r"Чат WhatsApp с (.+)", r"Чат WhatsApp із (.+)", r"Czat WhatsApp z (.+)",
    r"(.+) ile WhatsApp Sohbeti", r"WhatsApp Sohbeti - (.+)", r"Percakapan WhatsApp dengan (.+)",
    r"Chat WhatsApp dengan (.+)", r"WhatsApp-keskustelu käyttäjän (.+) kanssa", r"(.+)とのWhatsAppトーク",
    r"WhatsApp 대화 - (.+)", r"(.+)님과의 WhatsApp 대화", r"与(.+)的 ?WhatsApp ?聊天", r"與(.+)的 ?WhatsApp ?對話",
    r"צ'אט WhatsApp עם (.+)", r"محادثة واتساب مع (.+)",
)  # fmt: skip
