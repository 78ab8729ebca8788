"""What WhatsApp writes into its text exports by itself, in the languages of the application. Data alone."""

from __future__ import annotations

from ventriloquist.media import MediaKind

# beside the time of day, without dots, apostrophes and spaces, in small letters
MORNING = frozenset((
    "am", "上午", "午前", "오전", "凌晨", "早上", "清晨", "半夜", "ص", "صباحا", "صباحًا", "vorm", "sa", "öö", "πμ", "قظ", "fm", "fh",
    "dop", "dopoledne", "dopol", "pg", "pagi", "प", "पूर्वाह्न", "पूर्व", "मपू", "सकाळी", "rano", "de", "ap", "ek", "yb", "rn", "vm",
    "damanhã", "manhã", "dimattina", "לפנהצ", "לפנה״צ", "לפנה\"צ", "ก่อนเที่ยง", "முற்பகல்", "ಪೂರ್ವಾಹ್ನ", "ਪੂਦੁ", "પૂર્વ",
    "পূর্বাহ্ণ", "прдоб", "проб", "дп", "претпл", "преподне", "prijepodne", "prepodne",
    "priešpiet", "priekšp", "priekšpusdienā", "eparadites", "paradite", "to", "таңкы", "үө", "ጥዋት", "غم", "قبلدوپہر", "نەیانی",
    "เช้า", "នព្រឹក", "ព្រឹក", "နံနက်", "ກ່ອນທ່ຽງ", "կա", "asubuhi", "subuh", "matin", "dumatin", "delamañana", "mañana",
    "pd", "gh", "পূৰ্বাহ্ন", "صبح", "wd", "ቅቀ", "පෙව", "sf", "isuk", "moies", "тң", "bn", "goöň", "چب", "sub", "hh", "subaka", "nụtụtụ",
    "פֿאַרמיטאָג", "àárọ̀", "སྔ་ཆ་", "ŋdi",
))  # fmt: skip
AFTERNOON = frozenset((
    "pm", "下午", "午後", "오후", "晚上", "傍晚", "深夜", "م", "مساء", "مساءً", "nachm", "ch", "ös", "μμ", "بظ", "em", "eh", "eip",
    "odp", "odpoledne", "odpol", "pop", "ptg", "petang", "malam", "अ", "अपराह्न", "मउ", "दुपारी", "du", "ip", "pk", "yh", "in", "nm",
    "datarde", "tarde", "dasera", "אחהצ", "אחה״צ", "אחה\"צ", "หลังเที่ยง", "பிற்பகல்", "ಅಪರಾಹ್ನ", "ਬਾਦੁ", "অপরাহ্ণ", "слоб", "пп",
    "попл", "поподне", "poslijepodne", "popodne", "poslepodne", "popiet", "pēcp", "pēcpusdienā", "epasdites", "pasdite", "tk",
    "түштөнкийинки", "үх", "ከሰዓት", "غو", "بعددوپہر", "บ่าย", "ល្ងាច", "ညနေ", "ຫຼັງທ່ຽງ", "կհ", "alasiri", "jioni", "soir", "dusoir",
    "delatarde", "delanoche", "noche", "md", "gd", "অপৰাহ্ন", "شام", "wb", "ድቀ", "පව", "ym", "wengi", "nomëttes", "тк", "pn", "gosoň",
    "چك", "ngo", "ea", "kikiiɗe", "nabalị", "נאָכמיטאָג", "ọ̀sán", "ཕྱི་ཆ་", "ɣetrɔ", "gm", "nam",
))  # fmt: skip
NOON = frozenset(("中午", "正午", "tengahhari", "mediodía", "delmediodía"))
# other words that stand between a date and a time, or behind them
BETWEEN = frozenset((
    "at", "à", "um", "kl", "klo", "om", "às", "as", "alle", "alleore", "ore", "ora", "a", "las", "la", "lúc", "в", "о", "об", "ob",
    "u", "o", "v", "г", "ч", "h", "uhr", "hod", "hodin", "di", "den", "στις", "saat", "日", "일", "jam", "pukul", "kell", "val", "plkst",
    "ist", "utc", "gmt", "ம", "को", "बजे", "เวลา", "น", "-", "–", "|",
))  # fmt: skip

MEDIA: dict[str, MediaKind] = {  # whole texts, without marks of direction and angle brackets, in small letters
    **dict.fromkeys((
        "media omitted", "media weggelassen", "medien ausgeschlossen", "medien weggelassen", "multimedia omitido",
        "archivo omitido", "archivo multimedia omitido", "archivos omitidos", "médias omis", "médias omises", "fichier omis",
        "fichiers omis", "media omessi", "media omesso", "mídia oculta", "arquivo de mídia oculto", "mídia omitida",
        "arquivos de mídia ocultos", "ficheiro não revelado", "ficheiro omitido", "media weggelaten", "без медиафайлов",
        "файл пропущен", "данные исключены", "медіа пропущено", "без медіафайлів", "файл не добавлен", "без файл", "без фајл",
        "медији су изостављени", "medya dahil edilmedi", "medya atlanmış", "媒体文件已略去", "媒体文件已忽略", "省略多媒體檔案",
        "省略多媒体文件", "略過多媒體檔", "忽略多媒體檔", "媒體已略去", "已忽略多媒體檔案", "媒体已省略", "メディアは含まれていません",
        "メディアなし", "미디어 파일을 생략한 메시지", "미디어 파일을 생략한 대화내용", "미디어 파일을 제외한 대화내용", "사진 및 동영상 생략",
        "medier udeladt", "medier er udeladt", "mediefil udeladt", "media utelämnad", "media utelämnat", "media har utelämnats",
        "medier utelämnade", "medier utelatt", "utelatt media", "uten vedlegg", "media jätetty pois", "pliki multimedialne pominięto",
        "pliki pominięto", "multimedia pominięte", "pominięto multimedia", "média vynechány", "média vynechána", "médiá vynechané",
        "médiá vynechány", "hiányzó médiafájl", "média kihagyva", "conținut media omis", "media omise", "fișier media omis",
        "παραλείφθηκαν πολυμέσα", "εξαίρεση πολυμέσων", "המדיה לא נכללה", "מדיה הושמטה", "המדיה הוסרה", "تم استبعاد الوسائط",
        "رسانه حذف شد", "پيوست نما/آهنگ حذف شد", "میڈیا چھوڑ دیا گیا", "मीडिया छोड़ा गया", "मीडिया के बिना", "मीडिया वगळले",
        "મીડિયા અવગણાયું", "মিডিয়া বাদ দেওয়া হয়েছে", "మాధ్యమం విస్మరించబడింది", "ಮೀಡಿಯಾ ಕೈಬಿಡಲಾಗಿದೆ", "മീഡിയ ഒഴിവാക്കി",
        "ஊடகங்கள் நீக்கப்பட்டது", "ਮੀਡੀਆ ਛੱਡਿਆ ਗਿਆ", "media tidak disertakan", "media dihilangkan", "media disingkirkan",
        "walang kalakip na media", "bỏ qua media", "ไม่รวมสื่อ", "สื่อถูกลบ", "multimèdia omesos", "mitjans omesos",
        "medij izostavljen", "medij izpuščen", "medijski zapis izostavljen", "medijski sadržaj izostavljen", "bez multivides",
        "praleistas medijos turinys", "meedia ära jäetud", "pa media", "media imerukwa", "media weggelaat", "media çıxarılmışdır",
        "файл қосылған жоқ", "fayl o‘tkazib yuborildi", "media mancante", "média manquante", "medien fehlen",
        "media buraxıldı", "fitxers multimèdia omesos", "αρχείο παραλήφθηκε", "meedia välja jäetud", "media jätettiin pois",
        "média elhagyva", "файлдар қосылмаған", "미디어 파일 제외됨", "medija praleista", "nav iekļauta multivide", "без фајлови",
        "media dikecualikan", "media utelatt", "datoteke izpuščene", "media u hoq", "media hequr", "media hazijajumuishwa",
        "ไฟล์สื่อถูกลบ", "ınalis ang media", "inalis ang media", "bỏ qua tệp phương tiện",
    ), "file"),
    **dict.fromkeys((
        "image omitted", "photo omitted", "gif omitted", "bild weggelassen", "foto weggelassen", "gif weggelassen", "imagen omitida",
        "gif omitido", "foto omitida", "image absente", "image omise", "photo absente", "gif omis", "gif absent", "gif retiré",
        "immagine omessa", "gif esclusa", "imagem ocultada", "imagem omitida", "imagem não revelada", "gif ocultado",
        "gif não revelada", "afbeelding weggelaten", "gif weggelaten", "изображение отсутствует", "изображение опущено",
        "gif отсутствует", "зображення відсутнє", "gif-анімацію пропущено", "görüntü dahil edilmedi", "gif dahil edilmedi",
        "图像已忽略", "照片已忽略", "圖像已省略", "圖片已略去", "圖片略去", "圖片已省略", "图片已省略", "gif 已略去", "gif已省略", "gif 圖片已被省略", "gif 动态图已被忽略",
        "画像は省略されました", "画像は含まれていません", "gifは含まれていません", "이미지 생략됨", "gif 생략됨", "billede udeladt", "gif udeladt",
        "bild utelämnad", "bild utesluten", "gif utesluten", "bilde utelatt", "bilde ikke inkludert", "gif utelatt", "ei kuvaa",
        "gif-animaatio jätetty pois", "obraz pominięty", "pominięto obraz", "plik gif pominięty", "obrázek vynechán",
        "gif vynechán", "obrázok vynechaný", "gif vynechaný", "kép küldése sikertelen", "gif fájl kihagyása", "imagine omisă",
        "εικόνα παραλείφθηκε", "παράληψη gif", "התמונה הושמטה", "gif הושמט", "لم يتم إدراج الصورة", "لم يتم إدراج صورة gif",
        "تصویر حذف شد", "gif حذف شد", "تصویر نکال دی گئی ہے", "फ़ोटो हटाई गई", "gif छोड़ा गया", "इमेज वगळली", "gif वगळले",
        "છબી પડતી મૂકાઈ", "ইমেজ বাদ দেওয়া হয়েছে", "gambar tidak disertakan", "gif tidak disertakan", "imej tidak dimasukkan",
        "gif tidak dimasukkan", "đã bỏ qua hình ảnh", "đã bỏ qua ảnh gif", "ไม่มีรูปภาพ", "ละเว้น gif", "imatge omesa", "gif omès",
        "slika izostavljena", "gif izostavljen", "view once photo omitted", "view once image omitted",
    ), "photo"),
    **dict.fromkeys((
        "video omitted", "video note omitted", "view once video omitted", "video weggelassen", "videonachricht weggelassen", "video omitido", "vídeo omitido",
        "vidéo absente", "vidéo omise", "video omesso", "vídeo ocultado", "vídeo não revelado", "video weggelaten",
        "видео отсутствует", "видео опущено", "відео відсутнє", "video dahil edilmedi", "视频已忽略", "影片已略去", "影片已省略",
        "影片略去", "视频已省略", "動画は省略されました", "ビデオは含まれていません", "동영상 생략됨", "비디오 생략됨", "video udeladt", "video utelämnad",
        "video utesluten", "video utelatt", "videota ei sisällytetä", "film pominięty", "wideo pominięte", "pominięto wideo",
        "video vynecháno", "video vynechané", "videó kihagyva", "clip video omis", "βίντεο παραλείφθηκε", "סרטון הווידאו הושמט",
        "لم يتم إدراج الفيديوهات", "لم يتم إدراج الفيديو", "ویدیو حذف شد", "वीडियो छोड़ा गया", "व्हिडीओ वगळला", "video tidak disertakan",
        "video tidak dimasukkan", "đã bỏ video", "วิดีโอถูกลบ", "vídeo omès", "video izostavljen",
    ), "video"),
    **dict.fromkeys((
        "audio omitted", "voice message omitted", "view once voice message omitted", "audio weggelassen", "sprachnachricht weggelassen", "audio omitido", "audio omis",
        "audio absent", "audio omesso", "áudio ocultado", "áudio omitido", "ficheiro de áudio não revelado", "audio weggelaten",
        "аудиофайл отсутствует", "аудио опущено", "аудио отсутствует", "аудіо відсутнє", "ses dahil edilmedi", "音频已忽略", "音訊已略去", "音訊已省略",
        "語音略去", "音声は省略されました", "音声は含まれていません", "오디오 생략됨", "lyd udeladt", "ljud utelämnat", "ljud utelslutet",
        "ljud uteslutet", "lyd utelatt", "äänitiedostoa ei sisällytetä", "audio pominięte", "pominięto audio",
        "zvukový soubor vynechán", "zvuk vynechaný", "hang kihagyása", "fără audio", "ήχος παραλείφθηκε", "קטע קול הושמט",
        "لم يتم إدراج المقاطع الصوتية", "صدا حذف شد", "ऑडियो हटाई गयी", "ऑडिओ वगळला", "audio tidak disertakan",
        "audio tidak dimasukkan", "bỏ qua tệp âm thanh", "ไม่มีไฟล์เสียง", "àudio omès", "zvuk izostavljen",
    ), "voice"),
    **dict.fromkeys((
        "sticker omitted", "sticker weggelassen", "sticker omitido", "sticker omis", "sticker absent", "autocollant omis", "sticker non incluso",
        "sticker omesso", "figurinha omitida", "figurinha ocultada", "autocolante omitido", "sticker não revelado",
        "sticker weggelaten", "стикер отсутствует", "стикер опущен", "стикер не добавлен", "наклейку не додано",
        "çıkartma dahil edilmedi", "表情已忽略", "贴图已省略", "貼圖略去", "貼圖已略去", "貼圖已忽略", "スタンプは省略されました",
        "スタンプは含まれていません", "스티커 생략됨", "스티커 제외됨", "mærkat udeladt", "klistermærke udeladt", "klistermärke utelämnat",
        "sticker utesluten", "klistremerke utelatt", "tarraa ei sisällytetty", "naklejka pominięta", "pominięto naklejkę",
        "nálepka vynechána", "nálepka vynechaná", "matrica kihagyva", "αυτοκόλλητο παραλήφθηκε", "סטיקר הושמט", "تم حذف الملصقات",
        "استیکر حذف شد", "स्टिकर छोड़ा गया", "स्टिकर वगळले", "stiker tidak disertakan", "pelekat tidak disertakan", "đã bỏ sticker",
        "ไม่มีสติกเกอร์", "adhesiu omès", "naljepnica izostavljena",
    ), "sticker"),
    **dict.fromkeys((
        "document omitted", "contact card omitted", "dokument weggelassen", "kontaktkarte ausgelassen", "kontaktkarte weggelassen",
        "documento omitido", "tarjeta de contacto omitida", "document omis", "document manquant", "fiche contact omise",
        "fiche contact manquante", "documento omesso", "scheda contatto omessa", "documento ocultado", "documento não revelado",
        "cartão do contato omitido", "contacto não revelado", "document weggelaten", "contactkaart weggelaten",
        "visitekaartje weggelaten", "документ отсутствует", "карточка контакта отсутствует", "документ пропущено",
        "картка контакту відсутня", "belge dahil edilmedi", "kişi kartı dahil edilmedi", "文档已忽略", "文档已省略", "联系人卡片已忽略",
        "文件略去", "文件已略去", "文件已忽略", "聯絡人卡片已略去", "聯絡人卡片已省略", "ドキュメントは省略されました",
        "ドキュメントは含まれていません", "連絡先カードを省略", "문서 생략됨", "연락처 카드 생략됨", "dokument udeladt", "kontaktkort udeladt",
        "dokument uteslutet", "dokument utelämnat", "kontaktkort uteslutet", "utelatt dokument", "kontaktkort sløyfet",
        "dokumenttia ei sisällytetä", "yhteystietokortti jätettiin pois", "dokument pominięty", "pominięta wizytówka kontaktu",
        "dokument vynechán", "vizitka vynechána", "dokument vynechaný", "karta kontaktu vynechaná", "dokumentum kihagyva",
        "névjegykártya kihagyva", "carte de vizită contact omisă", "έγγραφο παραλείφθηκε", "η κάρτα επαφής παραλήφθηκε",
        "מסמך הושמט", "כרטיס איש קשר הושמט", "لم يتم إدراج المستند", "لم يتم إدراج بطاقة جهة اتصال", "سند حذف شد", "برگ مخاطب حذف شد",
        "डॉक्यूमेंट छोड़ा गया", "कॉन्टैक्ट कार्ड छोड़ा गया", "dokumen tidak disertakan", "kartu kontak tidak disertakan",
        "dokumen tidak dimasukkan", "kad kenalan tidak dimasukkan", "đã bỏ qua tài liệu", "bỏ qua thẻ liên lạc", "ละเว้นเอกสาร",
        "บัตรรายชื่อที่ละเว้น", "document omès", "targeta de contacte omesa", "dokument izostavljen", "posjetnica izostavljena",
    ), "file"),
}  # fmt: skip
# a message that shows once, which no export holds
VIEW_ONCE = (
    "you received a view once", "du hast eine einmalansicht", "recibiste un mensaje de visualización única",
    "recibiste un mensaje para ver una vez", "vous avez reçu un message à vue unique", "hai ricevuto un messaggio visualizzabile",
    "você recebeu uma mensagem de visualização única", "je hebt een eenmalig", "вы получили однократн",
)  # fmt: skip

DELETED = frozenset((  # whole texts, without marks of direction and a full stop at the end, in small letters
    "this message was deleted", "you deleted this message", "you deleted this message as admin", "diese nachricht wurde gelöscht",
    "du hast diese nachricht gelöscht", "se eliminó este mensaje", "este mensaje fue eliminado", "eliminaste este mensaje",
    "eliminó este mensaje", "ce message a été supprimé", "vous avez supprimé ce message", "questo messaggio è stato eliminato",
    "hai eliminato questo messaggio", "mensagem apagada", "essa mensagem foi apagada", "esta mensagem foi apagada",
    "esta mensagem foi apagada pelo remetente", "você apagou esta mensagem", "você apagou essa mensagem", "apagou esta mensagem",
    "dit bericht is verwijderd", "je hebt dit bericht verwijderd", "u hebt dit bericht verwijderd", "данное сообщение удалено",
    "сообщение удалено", "вы удалили данное сообщение", "вы удалили это сообщение", "это сообщение удалено",
    "це повідомлення було видалено", "ви видалили це повідомлення", "bu mesaj silindi", "bu mesajı sildiniz", "此消息已删除",
    "这条消息已被删除", "您删除了此消息", "您已删除这条消息", "你已删除这条消息", "你删除了这条消息", "此訊息已刪除", "您已刪除此訊息", "你已刪除此訊息",
    "このメッセージは削除されました", "メッセージを削除しました", "このメッセージを削除しました", "삭제된 메시지입니다", "이 메시지는 삭제되었습니다",
    "이 메시지를 삭제했습니다", "삭제한 메시지입니다", "denne besked blev slettet", "denne besked er blevet slettet",
    "du slettede denne besked", "du har slettet denne besked", "detta meddelande raderades", "det här meddelandet raderades",
    "du raderade detta meddelande", "du raderade det här meddelandet", "du har tagit bort meddelandet",
    "denne meldingen ble slettet", "du slettet denne meldingen", "tämä viesti poistettiin", "poistit tämän viestin",
    "ta wiadomość została usunięta", "usunięto tę wiadomość", "usunąłeś(-ęłaś) tę wiadomość", "usunąłeś(aś) tę wiadomość",
    "tato zpráva byla smazána", "tato zpráva byla odstraněna", "tuto zprávu jste smazal/a", "tuto zprávu jste odstranil/a",
    "táto správa bola odstránená", "túto správu ste odstránili", "ezt az üzenetet törölték", "ez az üzenet törlésre került",
    "törölted ezt az üzenetet", "ezt az üzenetet törölted", "acest mesaj a fost șters", "ați șters acest mesaj",
    "αυτό το μήνυμα διαγράφηκε", "διαγράψατε αυτό το μήνυμα", "διαγράψατε το μήνυμα", "съобщението беше изтрито",
    "изтрихте това съобщение", "ova je poruka izbrisana", "ova poruka je izbrisana", "izbrisali ste ovu poruku",
    "to sporočilo je bilo izbrisano", "to sporočilo ste izbrisali", "ова порука је обрисана", "aquest missatge s'ha suprimit",
    "aquest missatge està esborrat", "has suprimit aquest missatge", "has esborrat aquest missatge", "הודעה זו נמחקה",
    "מחקת הודעה זו", "מחקת את ההודעה הזו", "تم حذف هذه الرسالة", "لقد حذفت هذه الرسالة", "لقد حذَفت هذه الرسالة", "حذفت هذه الرسالة",
    "أنت حذفت هذه الرسالة", "این پیام حذف شد", "این پیام حذف شده است", "شما این پیام را حذف کردید", "یہ میسج حذف کر دیا گیا ہے",
    "यह मैसेज मिटाया गया", "यह मैसेज डिलीट कर दिया गया है", "आपने यह मैसेज डिलीट किया", "यह संदेश मिटाया गया", "आपने यह संदेश मिटाया",
    "यह संदेश हटा दिया गया था", "हा मेसेज हटवण्यात आला", "तुम्ही हा मेसेज हटवला", "આ મેસેજ ડિલીટ કરાયો", "এই মেসেজটি বাদ দেওয়া হয়েছে",
    "pesan ini dihapus", "pesan ini telah dihapus", "anda menghapus pesan ini", "anda telah menghapus pesan ini",
    "mesej ini telah dipadam", "anda telah memadamkan mesej ini", "tin nhắn này đã bị xóa", "tin nhắn này đã bị xoá",
    "bạn đã xóa tin nhắn này", "bạn đã xoá tin nhắn này", "ข้อความนี้ถูกลบแล้ว", "ข้อความนี้ได้ถูกลบ", "คุณได้ลบข้อความนี้",
    "คุณลบข้อความนี้", "itong mensahe ay binura na", "see sõnum on kustutatud", "kustutasid selle sõnumi", "šī ziņa tika izdzēsta",
    "jūs izdzēsāt šo ziņu", "ši žinutė buvo ištrinta", "jūs ištrynėte šią žinutę", "hierdie boodskap was uitgevee",
    "bu ismarıc silindi", "ujumbe huu ulifutwa",
))  # fmt: skip
DELETED_BY = (  # beginnings; the name of an admin follows
    "this message was deleted by admin", "this message was deleted by an admin", "this message was deleted by group admin",
    "diese nachricht wurde von admin", "diese nachricht wurde von einem admin", "diese nachricht wurde vom admin",
    "este mensaje fue eliminado por", "un administrador eliminó este mensaje", "el admin. eliminó este mensaje",
    "se eliminó este mensaje por", "este mensaje se eliminó por", "ce message a été supprimé par",
    "questo messaggio è stato eliminato da", "mensagem apagada pelo admin", "mensagem apagada por um admin",
    "esta mensagem foi apagada por", "esta mensagem foi apagada pelo admin", "essa mensagem foi apagada pelo admin",
    "dit bericht is verwijderd door", "данное сообщение удалено админ", "сообщение удалено админ", "bu mesaj yönetici",
    "pesan ini dihapus oleh admin", "pesan ini telah dihapus oleh admin",
)  # fmt: skip
WAITING = (  # beginnings of what stands for a message that could not be decrypted
    "waiting for this message", "warten auf diese nachricht", "auf diese nachricht warten", "esperando este mensaje",
    "esperando el mensaje", "en attente de ce message", "in attesa del messaggio", "aguardando mensagem",
    "a aguardar por esta mensagem", "wachten op dit bericht", "ожидание этого сообщения", "ожидание сообщения",
    "bu mesaj bekleniyor", "menunggu pesan ini", "正在等待此消息", "正在等待此訊息", "このメッセージの受信を待っています",
    "이 메시지를 기다리는 중",
)  # fmt: skip

EDITED = frozenset((  # at the end of a text, in angle brackets
    "this message was edited", "diese nachricht wurde bearbeitet", "se editó este mensaje", "este mensaje fue editado",
    "este mensaje se editó", "ce message a été modifié", "questo messaggio è stato modificato", "mensagem editada",
    "esta mensagem foi editada", "essa mensagem foi editada", "dit bericht is bewerkt", "dit bericht is gewijzigd",
    "данное сообщение изменено", "сообщение изменено", "это сообщение изменено", "це повідомлення відредаговано",
    "це повідомлення змінено", "bu mesaj düzenlendi", "此消息已编辑", "此訊息已編輯", "已编辑此消息", "已編輯此訊息", "這則訊息已編輯",
    "このメッセージは編集されました", "수정된 메시지입니다", "이 메시지는 수정되었습니다", "denne besked blev redigeret",
    "denne besked er blevet redigeret", "detta meddelande redigerades", "det här meddelandet redigerades",
    "denne meldingen ble redigert", "tätä viestiä muokattiin", "ta wiadomość została zmieniona", "ta wiadomość została edytowana",
    "tato zpráva byla upravena", "táto správa bola upravená", "ezt az üzenetet szerkesztették", "ez az üzenet módosítva lett",
    "acest mesaj a fost editat", "acest mesaj a fost modificat", "αυτό το μήνυμα υποβλήθηκε σε επεξεργασία",
    "το μήνυμα υποβλήθηκε σε επεξεργασία", "ova je poruka uređena", "aquest missatge s'ha editat", "הודעה זו נערכה", "ההודעה נערכה",
    "تم تعديل هذه الرسالة", "این پیام ویرایش شد", "यह मैसेज एडिट किया गया", "pesan ini diedit", "pesan ini telah diedit",
    "mesej ini telah diedit", "tin nhắn này đã được chỉnh sửa", "tin nhắn này đã chỉnh sửa", "ข้อความนี้ถูกแก้ไขแล้ว",
))  # fmt: skip

ATTACHED = frozenset((  # in brackets behind the name of a file, or in angle brackets
    "file attached", "datei angehängt", "archivo adjunto", "archivo adjuntado", "fichier joint", "file allegato", "arquivo anexado",
    "ficheiro anexado", "bestand bijgevoegd", "файл добавлен", "файл прикреплен", "прикрепленный файл", "файл додано", "dosya ekli",
    "文件附件", "附件檔案", "已附上檔案", "檔案附件", "ファイル添付済み", "添付ファイル", "添付ファイル有り", "첨부 파일", "파일 첨부됨",
    "fil vedhæftet", "bifogad fil", "fil vedlagt", "vedlagt fil", "tiedosto liitetty", "liitetiedosto", "plik dołączony",
    "załączono plik", "załączony plik", "przyložený soubor", "přiložený soubor", "soubor byl přiložen", "súbor pripojený",
    "fájl csatolva", "fișier atașat", "συνημμένο αρχείο", "прикачен файл", "прикачен фајл", "прикачена датотека", "datoteka u privitku",
    "priložena datoteka", "arxiu adjunt", "fitxer adjunt", "הקובץ מצורף", "קובץ מצורף", "الملف مرفق", "پیوست شد", "پیوستہ فائل",
    "फ़ाइल अटैच है", "फाइल संलग्न", "फाइल अटैच कर दी गई है", "ફાઇલ જોડાયેલ", "ফাইল সংযুক্ত হয়েছে", "file terlampir", "fail dilampirkan",
    "tệp đính kèm", "ไฟล์ที่แนบ", "nakalakip na file", "fail lisatud", "pievienots fails", "byla prisegta", "lêer aangeheg",
    "attached", "angehängt", "adjunto", "anexado", "allegato", "bijgevoegd", "прикреплено", "eklendi", "附件", "첨부됨",
))  # fmt: skip

LIVE_LOCATION = frozenset((  # whole texts
    "live location shared", "live-standort wird geteilt", "live-standort geteilt", "ubicación en tiempo real compartida",
    "localisation en direct partagée", "posizione attuale condivisa", "posizione in tempo reale condivisa",
    "localização atual compartilhada", "localização em tempo real compartilhada", "está a partilhar a sua localização",
    "live locatie gedeeld", "геоданные отправлены", "геодані надіслано", "mevcut konum paylaşıldı", "canlı konum paylaşıldı",
    "共享实时位置", "實時位置已分享", "ライブロケーション共有", "공유한 실시간 위치", "live placering delt", "liveposition delad",
    "posisjon i sanntid delt", "live-sijainti jaettu", "udostępniona transmisja położenia", "byla sdílena aktuální poloha",
    "bola zdieľaná aktuálna poloha", "tartózkodási hely megosztva", "locație în timp real distribuită",
    "η τωρινή τοποθεσία κοινοποιήθηκε", "משתף מיקום בשידור חי", "تمت مشاركة الموقع المباشر", "مکان زنده به اشتراک گذاشته شد",
    "लाइव स्थान साझा किया गया", "lokasi terkini dibagikan", "lokasi terkini dikongsi", "vị trí hiện thời được chia sẻ",
    "ตำแหน่งปัจจุบันถูกแบ่งปัน", "ubicació en directe compartida", "trenutna lokacija podijeljena",
))  # fmt: skip

# beginnings of what nobody types by chance: the application says it in every chat
ENCRYPTED = (
    "messages and calls are end-to-end encrypted", "messages to this chat and calls are now secured",
    "messages to this group are now secured", "messages you send to this", "nachrichten und anrufe sind ende-zu-ende",
    "nachrichten, die du in diese", "los mensajes y las llamadas están cifrados", "los mensajes y llamadas están cifrados",
    "los mensajes y las llamadas en este chat", "les messages et les appels sont chiffrés", "les messages et appels",
    "i messaggi e le chiamate sono", "as mensagens e as chamadas são", "as mensagens e chamadas são", "as mensagens e as ligações",
    "as mensagens e ligações", "berichten en gesprekken", "berichten en oproepen", "сообщения и звонки защищены",
    "повідомлення й дзвінки захищено", "повідомлення та дзвінки захищено", "mesajlar ve aramalar uçtan", "消息和通话都进行端到端",
    "消息和通话", "訊息和通話", "訊息已受端對端", "メッセージと通話は", "메시지 및 전화는", "메시지와 통화는", "הודעות ושיחות", "ההודעות והשיחות",
    "الرسائل والمكالمات", "پیامها و تماسها", "پیام‌ها و تماس‌ها", "संदेश और कॉल", "मैसेजेस और कॉल्स", "मेसेजेस आणि कॉल्स", "મેસેજ અને કૉલ",
    "মেসেজ এবং কল", "pesan dan panggilan terenkripsi", "mesej dan panggilan disulitkan", "beskeder og opkald er",
    "meddelanden och samtal är", "meldinger og samtaler er", "viestit ja puhelut salataan", "wiadomości i połączenia są",
    "zprávy a hovory jsou", "správy a hovory sú", "az üzenetek és hívások", "mesajele și apelurile sunt", "τα μηνύματα και οι κλήσεις",
    "tin nhắn và cuộc gọi được", "ข้อความและการโทรได้รับ", "els missatges i les trucades", "poruke i pozivi zaštićeni",
    "your security code with", "deine sicherheitsnummer für", "dein sicherheitscode", "cambió tu código de seguridad",
    "votre code de sécurité avec", "il tuo codice di sicurezza con", "o seu código de segurança", "seu código de segurança com",
    "uw beveiligingscode voor", "je beveiligingscode voor", "ваш код безопасности с", "код безпеки з контактом",
    "รหัสความปลอดภัยของคุณกับ", "kode keamanan anda dengan", "this chat is with a business", "this business is now",
    "this business uses", "disappearing messages were turned on", "du bist jetzt admin", "you're now an admin",
)  # fmt: skip
ENCRYPTED_IN_ENGLISH = (
    "messages ",
    "your security code",
    "this chat is with",
    "this business",
    "disappearing ",
    "you're now",
)
MISSED_CALLS = frozenset((  # whole texts
    "verpasster sprachanruf", "verpasster videoanruf", "llamada perdida", "llamada de voz perdida", "videollamada perdida",
    "appel vocal manqué", "appel vidéo manqué", "chiamata vocale persa", "videochiamata persa", "chamada de voz perdida",
    "chamada de vídeo perdida", "ligação de voz perdida", "ligação de vídeo perdida", "gemiste spraakoproep",
    "gemiste video-oproep", "пропущенный аудиозвонок", "пропущенный видеозвонок", "cevapsız sesli arama",
    "cevapsız görüntülü arama",
))  # fmt: skip

# beginnings of what only the application says, in small letters; looked for behind a mark of direction
GENERATED = {
    "call": (
        "missed voice call", "missed video call", "missed group", "voice call", "video call", "group call", "silenced v",
        "call failed", "verpasster", "sprachanruf", "videoanruf", "stummgeschalteter", "llamada", "videollamada", "appel",
        "chiamata", "videochiamata", "chamada", "videochamada", "ligação", "gemist", "spraakoproep", "spraakgesprek", "videogesprek",
        "video-oproep", "пропущенный", "аудиозвонок", "видеозвонок", "пропущений", "аудіодзвінок", "відеодзвінок", "cevapsız",
        "sesli arama", "görüntülü arama", "未接", "语音通话", "视频通话", "視訊通話", "語音通話", "不在着信", "音声通話", "ビデオ通話", "부재중",
        "음성통화", "영상통화", "ubesvaret", "missat", "tapt", "vastaamaton", "nieodebrane", "zmeškaný", "nem fogadott", "apel v",
        "αναπάντητη", "שיחה קולית", "שיחת וידאו", "مكالمة", "تماس", "मिस्ड", "panggilan", "cuộc gọi nhỡ", "สายที่ไม่ได้รับ", "trucada",
    ),
    "poll": ("poll:", "umfrage:", "encuesta:", "sondage", "sondaggio:", "enquete:", "peiling:", "опрос:", "anket:", "投票", "投票：",
             "polling:", "afstemning:", "omröstning:", "kysely:", "ankieta:"),
    "location": (
        "location:", "live location", "standort:", "live-standort", "ubicación:", "localisation", "posizione:", "localização:",
        "locatie:", "местоположение:", "konum:", "位置",
    ),
    "event": (
        "messages to this", "messages you send", "this chat is with", "you created", "you added", "you were added", "you left",
        "you removed", "you changed", "you joined", "you're now an admin", "you are now an admin", "you pinned", "you unblocked",
        "you blocked", "you turned", "you updated", "you deleted this group", "your security code", "disappearing messages",
        "tap to", "this business", "this group", "this community", "anyone in", "welcome to the", "only admins", "du hast", "du wurdest",
        "creaste", "añadiste", "se te añadió", "te añadieron", "vous avez", "hai creato", "hai aggiunto", "você criou",
        "você adicionou", "je hebt", "вы создали", "вы добавили", "您创建了", "您建立了", "event:",
    ),
}  # fmt: skip
SYSTEM_ENDINGS = (  # of a text behind a mark of direction whose beginning is a name: "Ann added Ben"
    " created this group", " created group", " joined using this group's invite link", " joined using your invite", " left",
    " was added", " changed this group's icon", " changed the group description", " changed the group name",
    " changed their phone number", " changed the subject", " is a contact", " pinned a message", " joined from the community",
    " turned on admin approval", " turned on disappearing messages", " turned off disappearing messages", " changed to",
    " updated the message timer", " requested to join", " is now an admin", " was removed", " security code changed",
)  # fmt: skip
SYSTEM_VERBS = (  # in what looks like a name, since a colon follows: "Ann added Shop: Berlin"
    " added ", " removed ", " changed ", " created ", " pinned ", " hat ", " a ajouté ", " a changé ", " añadió ", " cambió ",
    " ha aggiunto ", " ha cambiato ", " adicionou ", " mudou ", " heeft ", " добавил", " изменил",
)  # fmt: skip
GROUP = (  # parts of the word in what the application says of a group
    "group", "gruppe", "grupo", "groupe", "gruppo", "groep", "групп", "груп", "grubu", "grubun", "gruba", "grup ", "群组", "群組", "群聊",
    "グループ", "그룹", "المجموعة", "مجموعة", "גרופ", "קבוצה", "समूह", "ग्रुप", "ryhmä", "skupin", "csoport", "nhóm", "กลุ่ม", "ομάδα",
    "ομάδας", "گروه", "kumpulan",
)  # fmt: skip

TITLES = (  # of a file: the chat's name is the group
    r"WhatsApp Chat with (.+)", r"WhatsApp-Chat mit (.+)", r"WhatsApp Chat mit (.+)", r"WhatsApp-chat met (.+)",
    r"WhatsApp-gesprek met (.+)", r"WhatsApp-chatt med (.+)", r"WhatsApp-chat med (.+)", r"WhatsApp-samtale med (.+)",
    r"Chat de WhatsApp con (.+)", r"Chat de WhatsApp amb (.+)", r"Xat de WhatsApp amb (.+)", r"Xat del WhatsApp amb (.+)",
    r"Chat WhatsApp con (.+)", r"Conversación de WhatsApp con (.+)", r"Discussion WhatsApp avec (.+)",
    r"Conversation WhatsApp avec (.+)", r"Conversa do WhatsApp com (.+)", r"Conversa WhatsApp com (.+)",
    r"Chat do WhatsApp com (.+)", r"Чат WhatsApp с контактом (.+)", r"Чат WhatsApp с (.+)", r"Чат WhatsApp із (.+)",
    r"Чат WhatsApp з контактом (.+)", r"Чат WhatsApp з (.+)", r"Чат в WhatsApp с (.+)", r"Czat WhatsApp z (.+)",
    r"Rozmowa WhatsApp z (.+)", r"Chat WhatsApp s uživatelem (.+)", r"Chat WhatsApp s používateľom (.+)", r"Chat WhatsApp s (.+)",
    r"WhatsApp csevegés (?:vele|velük): (.+)", r"WhatsApp csevegés - (.+)", r"Conversație WhatsApp cu (.+)",
    r"Chat WhatsApp cu (.+)", r"Συνομιλία WhatsApp με (.+)", r"(.+) ile WhatsApp Sohbeti", r"WhatsApp Sohbeti (?:-|ile) (.+)",
    r"Percakapan WhatsApp dengan (.+)", r"Chat WhatsApp dengan (.+)", r"Sembang WhatsApp dengan (.+)",
    r"Cuộc trò chuyện WhatsApp với (.+)", r"Trò chuyện WhatsApp với (.+)", r"แชท WhatsApp กับ (.+)",
    r"WhatsApp-keskustelu käyttäjän (.+) kanssa", r"WhatsApp-keskustelu: (.+)", r"(.+)とのWhatsAppトーク", r"(.+)とのWhatsAppチャット",
    r"WhatsAppチャット[ -–]*(.+)", r"WhatsApp 대화 - (.+)", r"(.+)님과의 WhatsApp 대화", r"(.+)님과 WhatsApp 대화",
    r"与(.+)的 ?WhatsApp ?(?:聊天|对话).{0,4}", r"與(.+)的 ?WhatsApp ?(?:對話|聊天).{0,4}", r"WhatsApp ?与(.+)的聊天", r"צ'אט WhatsApp עם (.+)",
    r"צ׳אט WhatsApp עם (.+)", r"שיחת WhatsApp עם (.+)", r"محادثة واتساب مع (.+)", r"دردشة واتساب مع (.+)", r"گفتگوی واتساپ با (.+)",
    r"WhatsApp चैट (.+) के साथ", r"(.+) के साथ WhatsApp चैट", r"WhatsApp chat (?:kasutajaga|ar|su) (.+)", r"WhatsApp razgovor s (.+)",
    r"[^-–]{0,30}WhatsApp[^-–]{0,20} [-–] (.+)",
)  # fmt: skip
