"""How often the language check is wrong on short texts that nobody chose anything by: python tests/bench/language.py

Ten texts of two to a dozen words in each of 20 languages, written after the check was settled. Prints a Markdown table.
"""

from collections import Counter

from scipy.stats import binomtest

from feedback.checks import Check
from tasks.types import Response, Row
from tests.check_cases import check

TEXTS = {
    "en": (
        "The kettle has boiled; the tea will be ready in three minutes.",
        "Please send me the invoice by Friday.",
        "A triangle with equal sides has three angles of sixty degrees.",
        "My grandmother grew up on a farm near the border.",
        "Yes, of course.",
        "Wash the rice twice, then cook it in salted water.",
        "The new library opens at nine and closes at six.",
        "Bees can see ultraviolet light, but not red.",
        "I don't know who wrote that book.",
        "Restart the computer and try again.",
    ),
    "de": (
        "Das Wasser kocht; der Tee ist in drei Minuten fertig.",
        "Bitte schicken Sie mir die Rechnung bis Freitag.",
        "Ein Dreieck mit gleichen Seiten hat drei Winkel von sechzig Grad.",
        "Meine Großmutter wuchs auf einem Hof nahe der Grenze auf.",
        "Ja, natürlich.",
        "Waschen Sie den Reis zweimal und kochen Sie ihn in Salzwasser.",
        "Die neue Bücherei öffnet um neun und schließt um sechs.",
        "Bienen sehen ultraviolettes Licht, aber kein Rot.",
        "Ich weiß nicht, wer dieses Buch geschrieben hat.",
        "Starten Sie den Rechner neu und versuchen Sie es noch einmal.",
    ),
    "fr": (
        "L'eau bout ; le thé sera prêt dans trois minutes.",
        "Envoyez-moi la facture avant vendredi, s'il vous plaît.",
        "Un triangle aux côtés égaux a trois angles de soixante degrés.",
        "Ma grand-mère a grandi dans une ferme près de la frontière.",
        "Oui, bien sûr.",
        "Lavez le riz deux fois, puis faites-le cuire dans de l'eau salée.",
        "La nouvelle bibliothèque ouvre à neuf heures et ferme à dix-huit heures.",
        "Les abeilles voient la lumière ultraviolette, mais pas le rouge.",
        "Je ne sais pas qui a écrit ce livre.",
        "Redémarrez l'ordinateur et réessayez.",
    ),
    "es": (
        "El agua ya hierve; el té estará listo en tres minutos.",
        "Por favor, envíeme la factura antes del viernes.",
        "Un triángulo de lados iguales tiene tres ángulos de sesenta grados.",
        "Mi abuela creció en una granja cerca de la frontera.",
        "Sí, por supuesto.",
        "Lave el arroz dos veces y cuézalo en agua con sal.",
        "La nueva biblioteca abre a las nueve y cierra a las seis.",
        "Las abejas ven la luz ultravioleta, pero no el rojo.",
        "No sé quién escribió ese libro.",
        "Reinicie el ordenador e inténtelo de nuevo.",
    ),
    "pt": (
        "A água já ferve; o chá fica pronto em três minutos.",
        "Por favor, envie-me a fatura até sexta-feira.",
        "Um triângulo de lados iguais tem três ângulos de sessenta graus.",
        "A minha avó cresceu numa quinta perto da fronteira.",
        "Sim, claro.",
        "Lave o arroz duas vezes e coza-o em água com sal.",
        "A nova biblioteca abre às nove e fecha às seis.",
        "As abelhas veem a luz ultravioleta, mas não o vermelho.",
        "Não sei quem escreveu esse livro.",
        "Reinicie o computador e tente outra vez.",
    ),
    "it": (
        "L'acqua bolle; il tè sarà pronto fra tre minuti.",
        "Per favore, mi mandi la fattura entro venerdì.",
        "Un triangolo con i lati uguali ha tre angoli di sessanta gradi.",
        "Mia nonna è cresciuta in una fattoria vicino al confine.",
        "Sì, certo.",
        "Lavate il riso due volte e cuocetelo in acqua salata.",
        "La nuova biblioteca apre alle nove e chiude alle sei.",
        "Le api vedono la luce ultravioletta, ma non il rosso.",
        "Non so chi abbia scritto quel libro.",
        "Riavvii il computer e riprovi.",
    ),
    "nl": (
        "Het water kookt; de thee is over drie minuten klaar.",
        "Stuur mij de factuur alstublieft voor vrijdag.",
        "Een driehoek met gelijke zijden heeft drie hoeken van zestig graden.",
        "Mijn oma groeide op op een boerderij bij de grens.",
        "Ja, natuurlijk.",
        "Was de rijst twee keer en kook hem in gezouten water.",
        "De nieuwe bibliotheek gaat om negen uur open en om zes uur dicht.",
        "Bijen zien ultraviolet licht, maar geen rood.",
        "Ik weet niet wie dat boek heeft geschreven.",
        "Start de computer opnieuw op en probeer het nog eens.",
    ),
    "sv": (
        "Vattnet kokar; teet är klart om tre minuter.",
        "Skicka mig fakturan senast på fredag, tack.",
        "En triangel med lika långa sidor har tre vinklar på sextio grader.",
        "Min mormor växte upp på en gård nära gränsen.",
        "Ja, självklart.",
        "Skölj riset två gånger och koka det i saltat vatten.",
        "Det nya biblioteket öppnar klockan nio och stänger klockan sex.",
        "Bin kan se ultraviolett ljus, men inte rött.",
        "Jag vet inte vem som har skrivit den boken.",
        "Starta om datorn och försök igen.",
    ),
    "da": (
        "Vandet koger; teen er klar om tre minutter.",
        "Send mig venligst fakturaen inden fredag.",
        "En trekant med lige lange sider har tre vinkler på tres grader.",
        "Min mormor voksede op på en gård tæt ved grænsen.",
        "Ja, selvfølgelig.",
        "Skyl risene to gange, og kog dem i saltet vand.",
        "Det nye bibliotek åbner klokken ni og lukker klokken seks.",
        "Bier kan se ultraviolet lys, men ikke rødt.",
        "Jeg ved ikke, hvem der har skrevet den bog.",
        "Genstart computeren, og prøv igen.",
    ),
    "no": (
        "Vannet koker; teen er ferdig om tre minutter.",
        "Vennligst send meg fakturaen innen fredag.",
        "En trekant med like lange sider har tre vinkler på seksti grader.",
        "Bestemoren min vokste opp på en gård nær grensen.",
        "Ja, selvfølgelig.",
        "Skyll risen to ganger, og kok den i saltet vann.",
        "Det nye biblioteket åpner klokken ni og stenger klokken seks.",
        "Bier kan se ultrafiolett lys, men ikke rødt.",
        "Jeg vet ikke hvem som har skrevet den boken.",
        "Start datamaskinen på nytt og prøv igjen.",
    ),
    "fi": (
        "Vesi kiehuu; tee on valmista kolmen minuutin päästä.",
        "Lähettäkää minulle lasku perjantaihin mennessä.",
        "Tasasivuisessa kolmiossa on kolme kuudenkymmenen asteen kulmaa.",
        "Isoäitini varttui maatilalla lähellä rajaa.",
        "Kyllä, tietysti.",
        "Pese riisi kahdesti ja keitä se suolatussa vedessä.",
        "Uusi kirjasto aukeaa yhdeksältä ja sulkeutuu kuudelta.",
        "Mehiläiset näkevät ultraviolettivaloa, mutta eivät punaista.",
        "En tiedä, kuka sen kirjan on kirjoittanut.",
        "Käynnistä tietokone uudelleen ja yritä vielä kerran.",
    ),
    "pl": (
        "Woda się gotuje; herbata będzie gotowa za trzy minuty.",
        "Proszę przesłać mi fakturę do piątku.",
        "Trójkąt o równych bokach ma trzy kąty po sześćdziesiąt stopni.",
        "Moja babcia dorastała w gospodarstwie blisko granicy.",
        "Tak, oczywiście.",
        "Opłucz ryż dwa razy i ugotuj go w osolonej wodzie.",
        "Nowa biblioteka otwiera się o dziewiątej, a zamyka o szóstej.",
        "Pszczoły widzą światło ultrafioletowe, ale nie czerwone.",
        "Nie wiem, kto napisał tę książkę.",
        "Uruchom komputer ponownie i spróbuj jeszcze raz.",
    ),
    "cs": (
        "Voda se vaří; čaj bude hotový za tři minuty.",
        "Pošlete mi prosím fakturu do pátku.",
        "Trojúhelník se stejnými stranami má tři úhly po šedesáti stupních.",
        "Moje babička vyrostla na statku blízko hranic.",
        "Ano, samozřejmě.",
        "Rýži dvakrát propláchněte a uvařte ji v osolené vodě.",
        "Nová knihovna otvírá v devět a zavírá v šest.",
        "Včely vidí ultrafialové světlo, ale ne červené.",
        "Nevím, kdo tu knihu napsal.",
        "Restartujte počítač a zkuste to znovu.",
    ),
    "ru": (
        "Вода кипит; чай будет готов через три минуты.",
        "Пожалуйста, пришлите мне счёт до пятницы.",
        "В треугольнике с равными сторонами три угла по шестьдесят градусов.",
        "Моя бабушка выросла на ферме недалеко от границы.",
        "Да, конечно.",
        "Промойте рис дважды и сварите его в солёной воде.",
        "Новая библиотека открывается в девять и закрывается в шесть.",
        "Пчёлы видят ультрафиолетовый свет, но не красный.",
        "Я не знаю, кто написал эту книгу.",
        "Перезагрузите компьютер и попробуйте ещё раз.",
    ),
    "uk": (
        "Вода кипить; чай буде готовий за три хвилини.",
        "Будь ласка, надішліть мені рахунок до п'ятниці.",
        "Трикутник з рівними сторонами має три кути по шістдесят градусів.",
        "Моя бабуся виросла на фермі неподалік від кордону.",
        "Так, звичайно.",
        "Промийте рис двічі й зваріть його в солоній воді.",
        "Нова бібліотека відчиняється о дев'ятій і зачиняється о шостій.",
        "Бджоли бачать ультрафіолетове світло, але не червоне.",
        "Я не знаю, хто написав цю книгу.",
        "Перезавантажте комп'ютер і спробуйте ще раз.",
    ),
    "tr": (
        "Su kaynadı; çay üç dakika içinde hazır olacak.",
        "Lütfen faturayı cumaya kadar bana gönderin.",
        "Kenarları eşit olan bir üçgenin altmış derecelik üç açısı vardır.",
        "Büyükannem sınıra yakın bir çiftlikte büyüdü.",
        "Evet, tabii ki.",
        "Pirinci iki kez yıkayın, sonra tuzlu suda pişirin.",
        "Yeni kütüphane dokuzda açılıyor ve altıda kapanıyor.",
        "Arılar morötesi ışığı görür ama kırmızıyı göremez.",
        "O kitabı kimin yazdığını bilmiyorum.",
        "Bilgisayarı yeniden başlatın ve tekrar deneyin.",
    ),
    "ar": (
        "الماء يغلي، وسيكون الشاي جاهزا بعد ثلاث دقائق.",
        "من فضلك أرسل لي الفاتورة قبل يوم الجمعة.",
        "للمثلث متساوي الأضلاع ثلاث زوايا قياس كل منها ستون درجة.",
        "نشأت جدتي في مزرعة قرب الحدود.",
        "نعم، بالطبع.",
        "اغسل الأرز مرتين ثم اطبخه في ماء مملح.",
        "تفتح المكتبة الجديدة في التاسعة وتغلق في السادسة.",
        "يرى النحل الأشعة فوق البنفسجية ولكنه لا يرى الأحمر.",
        "لا أعرف من كتب ذلك الكتاب.",
        "أعد تشغيل الحاسوب وحاول مرة أخرى.",
    ),
    "hi": (
        "पानी उबल रहा है; चाय तीन मिनट में तैयार हो जाएगी।",
        "कृपया मुझे शुक्रवार तक बिल भेज दीजिए।",
        "समान भुजाओं वाले त्रिभुज में साठ अंश के तीन कोण होते हैं।",
        "मेरी दादी सीमा के पास एक खेत पर पली-बढ़ीं।",
        "हाँ, बिल्कुल।",
        "चावल को दो बार धोइए, फिर नमक वाले पानी में पकाइए।",
        "नया पुस्तकालय नौ बजे खुलता है और छह बजे बंद होता है।",
        "मधुमक्खियाँ पराबैंगनी प्रकाश देख सकती हैं, पर लाल नहीं।",
        "मुझे नहीं पता कि वह किताब किसने लिखी।",
        "कंप्यूटर को फिर से चालू कीजिए और दोबारा कोशिश कीजिए।",
    ),
    "ja": (
        "お湯が沸きました。お茶は三分でできます。",
        "金曜日までに請求書を送ってください。",
        "正三角形には六十度の角が三つあります。",
        "祖母は国境の近くの農場で育ちました。",
        "はい、もちろんです。",
        "お米を二回洗ってから、塩水で炊いてください。",
        "新しい図書館は九時に開き、六時に閉まります。",
        "ミツバチは紫外線は見えますが、赤は見えません。",
        "その本を誰が書いたのか知りません。",
        "コンピューターを再起動して、もう一度試してください。",
    ),
    "zh": (
        "水开了，茶三分钟后就好。",
        "请在星期五之前把发票寄给我。",
        "等边三角形有三个六十度的角。",
        "我的外婆在边境附近的农场长大。",
        "是的，当然。",
        "把米洗两遍，然后放在盐水里煮。",
        "新图书馆九点开门，六点关门。",
        "蜜蜂能看见紫外线，但看不见红色。",
        "我不知道那本书是谁写的。",
        "请重新启动电脑，再试一次。",
    ),
}


def passes(built: Check, text: str) -> bool:
    return built.result(Row(()), Response(text, "m")).passed


def interval(wrong: int, of: int) -> str:
    """Wilson's interval of a share, in per cent."""
    found = binomtest(wrong, of).proportion_ci(0.95, method="wilson")
    return f"{found.low:.1%} to {found.high:.1%}"


def main() -> None:
    assert len(TEXTS) == 20 and all(len(set(texts)) == 10 for texts in TEXTS.values())
    checks = {language: check("language", language=language) for language in TEXTS}
    texts = [(language, text) for language, each in TEXTS.items() for text in each]
    failing = [(language, text) for language, text in texts if not passes(checks[language], text)]
    others = [(language, other, text) for language, text in texts for other in TEXTS if other != language]
    passing = [entry for entry in others if passes(checks[entry[1]], entry[2])]
    print("| what | wrong | share, 95 % |\n| --- | --- | --- |")
    print(f"| fails in its own language | {len(failing)} of {len(texts)} | {interval(len(failing), len(texts))} |")
    print(
        f"| passes as another of the 20 | {len(passing):,} of {len(others):,} | {interval(len(passing), len(others))} |"
    )
    for language, text in failing:
        print(f"fails: {language}: {text} ({checks[language].result(Row(()), Response(text, 'm')).reason})")
    for (language, other), number in Counter((a, b) for a, b, _ in passing).most_common(12):
        print(f"passes: {language} as {other}: {number}")
    for language, other, text in passing[:12]:
        print(f"  {language} as {other}: {text}")


if __name__ == "__main__":
    main()
