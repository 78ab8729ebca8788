"""The words that iPhones and Android phones send instead of a tapback to phones without tapbacks.

Languages: English, German, French, Spanish, Italian, Portuguese, Dutch, Swedish, Danish, Norwegian, and a few wordings
in Russian and Japanese. Some wordings are from older systems. A wrong one does no harm: it needs a quote that is found.
"""

from __future__ import annotations

from ventriloquist.media import MediaKind
from ventriloquist.records import ReactionKind

# The words around the quote (%s) and the emoji (%e): first for a tapback, then for taking it back.
WORDINGS: dict[ReactionKind, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "love": (
        (
            "Loved %s",
            "%s ein Herz hinzugefügt", "Liebt %s", "Hat %s geliebt",
            "A ajouté un « J’adore » à %s", "A adoré %s", "A attribué la mention « Adore » à %s",
            "Le encanta %s", "Le encantó %s",
            "Ha aggiunto un cuoricino a %s", "Ha amato %s", "Ha adorato %s", "Adora %s",
            "Amou %s", "Adorou %s", "Gostou muito de %s",
            "Gaf een hartje aan %s", "Vond %s geweldig",
            "Gav ett hjärta till %s", "Älskade %s", "Føjede et hjerte til %s", "Elskede %s", "Satte et hjerte ved %s",
            "Отметка «сердечко» для %s", "Очень понравилось %s",
        ),
        (
            "Removed a heart from %s", "Herz von %s entfernt",
            "A retiré son « J’adore » de %s", "A retiré un « J’adore » de %s", "A retiré un cœur de %s",
            "A retiré la mention « Adore » de %s",
            "Ya no le encanta %s", "Eliminó un corazón de %s", "Ha rimosso il cuoricino da %s",
            "Removeu um coração de %s", "Verwijderde een hartje van %s", "Tog bort ett hjärta från %s",
            "Fjernede et hjerte fra %s", "Fjernet et hjerte fra %s",
        ),
    ),
    "like": (
        (
            "Liked %s",
            "Gefällt: %s", "Gefällt %s", "Gefiel %s", "Mag %s", "Hat %s geliket", "Hat %s gelikt",
            "A ajouté un « J’aime » à %s", "A aimé %s", "Aime %s", "A attribué la mention « J’aime » à %s",
            "Le gusta %s", "Le gustó %s",
            "Ha aggiunto “Mi piace” a %s", "Ha messo “Mi piace” a %s", "Ha messo Mi piace a %s", "Piace %s",
            "Curtiu %s", "Gostou de %s",
            "Vond %s leuk", "Gillade %s", "Syntes om %s", "Likte %s", "Понравилось %s", "Нравится %s",
        ),
        (
            "Removed a like from %s", "„Gefällt mir“ von %s entfernt",
            "A retiré son « J’aime » de %s", "A retiré un « J’aime » de %s", "A retiré un J’aime de %s",
            "A retiré la mention « J’aime » de %s",
            "Ya no le gusta %s", "Eliminó un me gusta de %s", "Ha rimosso “Mi piace” da %s",
            "Removeu uma curtida de %s", "Removeu um gosto de %s", "Verwijderde een duim omhoog van %s",
            "Tog bort ett gillande från %s", "Fjernede et synes om fra %s", "Liker ikke lenger %s",
            "Больше не нравится %s",
        ),
    ),
    "dislike": (
        (
            "Disliked %s",
            "Gefällt nicht: %s", "Gefällt nicht %s", "Gefiel nicht %s", "Mag %s nicht", "Mag nicht %s",
            "A ajouté un « Je n’aime pas » à %s", "N’a pas aimé %s", "A attribué la mention « Je n’aime pas » à %s",
            "No le gusta %s", "No le gustó %s",
            "Ha aggiunto “Non mi piace” a %s", "Ha messo “Non mi piace” a %s", "Non piace %s",
            "Não curtiu %s", "Não gostou de %s",
            "Vond %s niet leuk", "Ogillade %s", "Syntes ikke om %s", "Mislikte %s",
            "Не понравилось %s", "Не нравится %s",
        ),
        (
            "Removed a dislike from %s", "„Gefällt mir nicht“ von %s entfernt",
            "A retiré son « Je n’aime pas » de %s", "A retiré un « Je n’aime pas » de %s",
            "Ya no le disgusta %s", "Ha rimosso “Non mi piace” da %s", "Removeu um não curti de %s",
            "Verwijderde een duim omlaag van %s", "Tog bort ett ogillande från %s", "Fjernede et synes ikke om fra %s",
            "Misliker ikke lenger %s",
        ),
    ),
    "laugh": (
        (
            "Laughed at %s",
            "%s ein Lachen hinzugefügt", "Lacht über %s", "Lachte über %s", "Hat über %s gelacht",
            "A ajouté un rire à %s", "A ri de %s", "A ri à %s",
            "Le hace gracia %s", "Le dio risa %s", "Se rió de %s",
            "Trova divertente %s", "Ha riso a %s", "Ha riso di %s", "Ha riso per %s",
            "Riu de %s", "Riu-se de %s", "Riu com %s",
            "Lachte om %s", "Moest lachen om %s", "Skrattade åt %s", "Grinede af %s", "Lo av %s",
            "Рассмешило %s",
        ),
        (
            "Removed a laugh from %s", "Lachen von %s entfernt", "A retiré son rire de %s", "A retiré un rire de %s",
            "Ya no le hace gracia %s", "Non trova più divertente %s", "Removeu uma risada de %s",
            "Verwijderde een lach van %s", "Tog bort ett skratt från %s", "Fjernede et grin fra %s",
            "Fjernet latter fra %s",
        ),
    ),
    "emphasize": (
        (
            "Emphasized %s", "Emphasised %s",
            "%s ein Ausrufezeichen hinzugefügt", "Betont %s", "Betonte %s", "Hat %s betont", "Hat %s hervorgehoben",
            "A ajouté des points d’exclamation à %s", "A mis en évidence %s", "A souligné %s", "A insisté sur %s",
            "Le sorprende %s", "Exclamó por %s", "Enfatizó %s", "Ha enfatizado %s",
            "Ha aggiunto i punti esclamativi a %s", "Ha enfatizzato %s", "Ha evidenziato %s",
            "Enfatizou %s", "Destacou %s",
            "Benadrukte %s", "Betonade %s", "Føjede udråbstegn til %s", "Fremhævede %s", "Satte utropstegn ved %s",
            "Выделено %s",
        ),
        (
            "Removed an exclamation from %s", "Removed an emphasis from %s", "Removed an exclamation mark from %s",
            "Ausrufezeichen von %s entfernt",
            "A retiré ses points d’exclamation de %s", "Ya no le sorprende %s", "Ha rimosso i punti esclamativi da %s",
            "Removeu uma exclamação de %s", "Verwijderde een uitroepteken van %s", "Tog bort utropstecken från %s",
            "Fjernede et udråbstegn fra %s", "Fjernet et utropstegn fra %s",
        ),
    ),
    "question": (
        (
            "Questioned %s",
            "%s ein Fragezeichen hinzugefügt", "Hinterfragt %s", "Hinterfragte %s", "Hat %s hinterfragt",
            "A ajouté un point d’interrogation à %s", "A posé une question sur %s", "S’est interrogé sur %s",
            "S’est interrogée sur %s", "S’est interrogé(e) sur %s", "A remis en question %s",
            "Duda sobre %s", "Dudó sobre %s", "Cuestionó %s",
            "Ha aggiunto il punto interrogativo a %s", "Ha messo in dubbio %s", "Ha dubitato di %s",
            "Questionou %s",
            "Zette een vraagteken bij %s", "Satte ett frågetecken på %s", "Ifrågasatte %s",
            "Føjede et spørgsmålstegn til %s", "Satte spørsmålstegn ved %s",
        ),
        (
            "Removed a question mark from %s", "Fragezeichen von %s entfernt",
            "A retiré son point d’interrogation de %s", "Ya no duda sobre %s",
            "Ha rimosso il punto interrogativo da %s", "Removeu um ponto de interrogação de %s",
            "Verwijderde een vraagteken van %s", "Tog bort ett frågetecken från %s",
            "Fjernede et spørgsmålstegn fra %s", "Fjernet et spørsmålstegn fra %s",
        ),
    ),
    "emoji": (
        (
            "%e to %s", "Reacted %e to %s", "Reacted with %e to %s",
            "%e zu %s", "%e auf %s", "Hat mit %e auf %s reagiert", "Mit %e auf %s reagiert", "Reagierte mit %e auf %s",
            "%e à %s", "A réagi %e à %s", "A réagi avec %e à %s", "A réagi par %e à %s",
            "A attribué la mention « %e » à %s",
            "%e a %s", "Se ha reaccionado con %e a %s", "Reaccionó con %e a %s", "Ha reaccionado con %e a %s",
            "Ha reagito con %e a %s", "Reagiu com %e a %s", "Reagiu com %e à %s",
            "%e op %s", "%e aan %s", "Reageerde met %e op %s", "%e till %s", "Reagerade med %e på %s",
            "%e til %s", "Reagerede med %e på %s", "Reagerte med %e på %s", "La til %e for %s",
            "Реакция %e на %s", "%sに%eでリアクションしました",
        ),
        (
            "Removed %e from %s", "%e aus %s entfernt", "%e von %s entfernt",
            "A retiré %e de %s", "A retiré la réaction %e à %s", "A supprimé %e de %s",
            "Ha eliminado %e de %s", "Eliminó %e de %s", "Quitó %e de %s",
            "Ha rimosso %e da %s", "Removeu %e de %s", "Verwijderde %e uit %s", "Verwijderde %e van %s",
            "Tog bort %e från %s", "Fjernede %e fra %s", "Fjernet %e fra %s", "Fjernet %e for %s",
        ),
    ),
    "sticker": (
        ("Reacted with a sticker to %s", "Reagierte mit einem Sticker auf %s", "A réagi avec un autocollant à %s"),
        ("Removed a sticker from %s",),
    ),
}  # fmt: skip

# The words for a message without text; # is a number.
OBJECTS: dict[MediaKind, tuple[str, ...]] = {
    "photo": (
        "an image", "a photo", "a picture", "# images", "# photos", "# Bilder", "# Fotos", "# imágenes",
        "ein Bild", "ein Foto", "einem Bild", "einem Foto", "une image",
        "une photo", "una imagen", "una foto", "un’immagine", "uma imagem", "uma foto", "um foto", "een afbeelding",
        "een foto", "en bild", "ett foto", "et billede", "et foto", "et bilde", "изображение", "фото",
    ),
    "video": (
        "a movie", "a video", "# movies", "# videos", "# Videos",
        "ein Video", "einem Video", "einen Film", "une vidéo", "un vídeo", "un video",
        "un filmato", "um vídeo", "een video", "en video", "en film", "видео",
    ),
    "voice": (
        "an audio message", "a voice message", "an audio recording", "eine Audionachricht", "einer Audionachricht",
        "eine Sprachnachricht", "un message audio", "un mensaje de audio", "un messaggio audio",
        "uma mensagem de áudio", "een audiobericht", "ett ljudmeddelande", "en lydbesked", "en lydmelding",
    ),
    "sticker": ("a sticker", "einen Sticker", "un autocollant", "un sticker", "uma figurinha", "een sticker"),
    "file": (
        "an attachment", "a file", "# attachments", "# files",
        "einen Anhang", "einem Anhang", "eine Datei", "une pièce jointe", "un fichier",
        "un archivo adjunto", "un archivo", "un allegato", "um anexo", "een bijlage", "en bilaga", "et vedlegg",
    ),
}  # fmt: skip
