"""Where the new part ends: forms beyond those of the samples."""

import pytest

from normalizer.mail.quoting import Split, split

NEW = "Спасибо, помогло."
OLD = "Перезагрузите принтер."


@pytest.mark.parametrize(
    "introduction",
    [
        "On Fri, Jan 3, 2025 at 10:00 AM X <x@y.example> wrote:",
        "On 03.01.2025 10:00, X wrote:",
        "On Jan 3, 2025, at 10:00, X <x@y.example> wrote:",
        "2025-01-03 10:00 GMT+03:00 X <x@y.example>:",
        "пт, 3 янв. 2025 г. в 10:00, X <x@y.example>:",
        "3 января 2025 г., 10:00 пользователь X <x@y.example> написал:",
        "3 янв. 2025 г., в 10:00, X <x@y.example> написал(а):",
        "03.01.2025 10:00, X пишет:",
        '03.01.2025, 10:00, "X Y" <x@y.example>:',
        "Пятница, 3 января 2025, 10:00 +03:00 от X <x@y.example>:",
        "Am 03.01.2025 um 10:00 schrieb X:",
        "Am Fr., 3. Jan. 2025 um 10:00 Uhr schrieb X <x@y.example>:",
        "Le 03/01/2025 à 10:00, X a écrit :",
        "Le ven. 3 janv. 2025 à 10:00, X <x@y.example> a écrit :",
        "El 3/1/2025 a las 10:00, X escribió:",
        "El vie, 3 ene 2025 a las 10:00, X (<x@y.example>) escribió:",
        "Il giorno ven 3 gen 2025 alle ore 10:00 X <x@y.example> ha scritto:",
        "-----Original Message-----",
        "----- Исходное сообщение -----",
        "-------- Исходное письмо --------",
        "-----Ursprüngliche Nachricht-----",
        "-----Message d'origine-----",
        "-----Mensaje original-----",
        "From: X <x@y.example>\nSent: Friday\nTo: Z\nSubject: S",
        "От: X\nДата: пятница\nКому: Z\nТема: S",
        "Von: X\nGesendet: Freitag\nAn: Z\nBetreff: S",
        "De : X\nEnvoyé : vendredi\nÀ : Z\nObjet : S",
        "De: X\nEnviado el: viernes\nPara: Z\nAsunto: S",
        "*From:* X\n*Sent:* Friday\n*To:* Z\n*Subject:* S",
    ],
)
@pytest.mark.parametrize("mark", ["", "> "])
def test_every_introduction_divides_new_from_old(introduction: str, mark: str) -> None:
    text = f"{NEW}\n\n{introduction}\n{mark}{OLD}"
    assert split(text) == Split(NEW, f"{introduction}\n{mark}{OLD}", "", text)


@pytest.mark.parametrize(
    "line",
    [
        "Мы написали вам вчера, но ответа нет:",
        "From: here to there",
        "On Monday we start.",
        "Кому: это важно",
        "В 10:00 случилось вот что:",
        "Am I right?",
    ],
)
def test_sentences_that_only_begin_like_an_introduction_stay(line: str) -> None:
    text = f"{NEW}\n{line}\nТекст дальше."
    assert split(text) == Split(text, "", "", text)


@pytest.mark.parametrize(
    "signature",
    [
        "-- \nИван",
        "--\nИван Петров\n+7 916 123-45-67",
        "С уважением,\nИван Петров\nООО «Ромашка»",
        "С уважением, Иван Петров",
        "Best regards,\nJohn Smith",
        "Mit freundlichen Grüßen\nHans",
        "Cordialement,\nJean",
        "Saludos cordiales,\nJuan",
        "Отправлено с iPhone",
        "Отправлено из мобильной Почты Mail.ru",
        "Sent from my Galaxy",
        "Get Outlook for Android",
        "Envoyé de mon iPhone",
        "Enviado desde mi iPhone",
        "Von meinem iPhone gesendet",
    ],
)
def test_every_signature_is_divided_from_the_text(signature: str) -> None:
    text = f"{NEW}\n\n{signature}"
    assert split(text) == Split(NEW, "", signature, text)


@pytest.mark.parametrize(
    "text",
    [
        "С уважением отношусь к вашей работе, но счёт за декабрь так и не пришёл, проверьте его, пожалуйста.",
        "-- \nИван",
        "С уважением,\nИван",
        "Best regards to the whole team, and now to the point: nothing works since Monday.",
        "Список:\n- раз\n- два",
    ],
)
def test_what_only_looks_like_a_signature_stays(text: str) -> None:
    assert split(text) == Split(text, "", "", text)


def test_answers_between_the_quoted_lines_stay_with_them() -> None:
    text = "X пишет 03.01.2025 10:00:\n> Раз?\nДа.\n> Два?\nНет."
    assert split(text) == Split(text, "", "", text)


def test_an_answer_below_the_quotation_is_the_text() -> None:
    text = "03.01.2025 10:00, X пишет:\n> Номер?\n\n12345\n\n-- \nИван"
    assert split(text) == Split("12345", "03.01.2025 10:00, X пишет:\n> Номер?", "-- \nИван", text)


@pytest.mark.parametrize("subject", ["Fwd: S", "FW: S", "WG: S", "TR: S", "RV: S", "I: S"])
def test_a_forwarded_mail_is_read_not_hidden(subject: str) -> None:
    text = f"Прошу разобраться.\n\nFrom: X\nSent: Friday\nTo: Z\nSubject: S\n\n{OLD}"
    assert split(text, subject) == Split(text, "", "", text)
