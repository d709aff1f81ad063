#include "xmpp/precis.h"

#include <unicode/locid.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>
#include <unicode/uscript.h>
#include <unicode/usprep.h>
#include <unicode/ustring.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <memory>
#include <vector>

namespace rookery::precis {
namespace {

// RFC 8264 section 7: some mappings need a second pass to become stable; what needs more is refused.
constexpr int max_passes = 4;
constexpr int virama = 9;

using CodePoints = std::vector<UChar32>;

std::optional<icu::UnicodeString> decode(std::string_view text) {
    if (text.empty() || text.size() > max_bytes) return std::nullopt;
    std::array<UChar, max_bytes> units;
    std::int32_t size = 0;
    UErrorCode status = U_ZERO_ERROR;
    u_strFromUTF8(units.data(), units.size(), &size, text.data(), static_cast<std::int32_t>(text.size()), &status);
    if (U_FAILURE(status)) return std::nullopt;
    return icu::UnicodeString(units.data(), size);
}

std::optional<std::string> encode(const icu::UnicodeString& text) {
    std::string result;
    text.toUTF8String(result);
    if (result.empty() || result.size() > max_bytes) return std::nullopt;
    return result;
}

CodePoints code_points(const icu::UnicodeString& text) {
    CodePoints result;
    for (std::int32_t at = 0; at < text.length(); at = text.moveIndex32(at, 1)) result.push_back(text.char32At(at));
    return result;
}

const icu::Normalizer2& nfc() {
    UErrorCode status = U_ZERO_ERROR;
    return *icu::Normalizer2::getNFCInstance(status);
}
const icu::Normalizer2& nfkc() {
    UErrorCode status = U_ZERO_ERROR;
    return *icu::Normalizer2::getNFKCInstance(status);
}

bool has_compatibility_form(UChar32 c) {
    UErrorCode status = U_ZERO_ERROR;
    return !nfkc().isNormalized(icu::UnicodeString(c), status);
}

bool in_script(UChar32 c, UScriptCode script) {
    UErrorCode status = U_ZERO_ERROR;
    return uscript_getScript(c, &status) == script;
}

// ---- the string classes, RFC 8264 sections 4 and 8

enum class Property { valid, free_only, context_j, context_o, refused };

bool one_of(UChar32 c, std::initializer_list<UChar32> list) {
    return std::find(list.begin(), list.end(), c) != list.end();
}
bool between(UChar32 c, UChar32 first, UChar32 last) { return first <= c && c <= last; }

// RFC 8264 9.6, equal to RFC 5892 2.6.
std::optional<Property> exception(UChar32 c) {
    if (one_of(c, {0xDF, 0x3C2, 0x6FD, 0x6FE, 0xF0B, 0x3007})) return Property::valid;
    if (one_of(c, {0xB7, 0x375, 0x5F3, 0x5F4, 0x30FB})) return Property::context_o;
    if (between(c, 0x660, 0x669) || between(c, 0x6F0, 0x6F9)) return Property::context_o;
    if (one_of(c, {0x640, 0x7FA, 0x302E, 0x302F, 0x303B}) || between(c, 0x3031, 0x3035)) return Property::refused;
    return std::nullopt;
}

bool is_old_hangul_jamo(UChar32 c) {
    const auto type = u_getIntPropertyValue(c, UCHAR_HANGUL_SYLLABLE_TYPE);
    return type == U_HST_LEADING_JAMO || type == U_HST_VOWEL_JAMO || type == U_HST_TRAILING_JAMO;
}

bool is_ignorable(UChar32 c) {
    return u_hasBinaryProperty(c, UCHAR_DEFAULT_IGNORABLE_CODE_POINT) ||
           u_hasBinaryProperty(c, UCHAR_NONCHARACTER_CODE_POINT);
}

Property property_by_category(UChar32 c) {
    constexpr auto letters_digits =
        U_GC_LL_MASK | U_GC_LU_MASK | U_GC_LO_MASK | U_GC_ND_MASK | U_GC_LM_MASK | U_GC_MN_MASK | U_GC_MC_MASK;
    constexpr auto free_form =
        U_GC_LT_MASK | U_GC_NL_MASK | U_GC_NO_MASK | U_GC_ME_MASK | U_GC_ZS_MASK | U_GC_S_MASK | U_GC_P_MASK;
    if (has_compatibility_form(c)) return Property::free_only;
    if (U_GET_GC_MASK(c) & letters_digits) return Property::valid;
    if (U_GET_GC_MASK(c) & free_form) return Property::free_only;
    return Property::refused;
}

// RFC 8264 section 8, in its order.
Property property_of(UChar32 c) {
    if (const auto known = exception(c)) return *known;
    if (U_GET_GC_MASK(c) & U_GC_CN_MASK) return Property::refused;
    if (between(c, 0x21, 0x7E)) return Property::valid;
    if (c == 0x200C || c == 0x200D) return Property::context_j;
    if (is_old_hangul_jamo(c) || is_ignorable(c) || (U_GET_GC_MASK(c) & U_GC_CC_MASK)) return Property::refused;
    return property_by_category(c);
}

// ---- contextual rules, RFC 5892 appendix A

bool follows_virama(const CodePoints& text, std::size_t at) {
    return at > 0 && u_getCombiningClass(text[at - 1]) == virama;
}

int joining_type(UChar32 c) { return u_getIntPropertyValue(c, UCHAR_JOINING_TYPE); }

// (L|D) T* ZWNJ T* (R|D)
bool stands_between_joining(const CodePoints& text, std::size_t at) {
    const auto transparent = [](UChar32 c) { return joining_type(c) == U_JT_TRANSPARENT; };
    const auto before = std::find_if_not(std::make_reverse_iterator(text.begin() + at), text.rend(), transparent);
    const auto after = std::find_if_not(text.begin() + at + 1, text.end(), transparent);
    if (before == text.rend() || after == text.end()) return false;
    const auto left = joining_type(*before);
    const auto right = joining_type(*after);
    return (left == U_JT_LEFT_JOINING || left == U_JT_DUAL_JOINING) &&
           (right == U_JT_RIGHT_JOINING || right == U_JT_DUAL_JOINING);
}

bool any_between(const CodePoints& text, UChar32 first, UChar32 last) {
    return std::any_of(text.begin(), text.end(), [=](UChar32 c) { return between(c, first, last); });
}

bool is_japanese(UChar32 c) {
    return in_script(c, USCRIPT_HIRAGANA) || in_script(c, USCRIPT_KATAKANA) || in_script(c, USCRIPT_HAN);
}

bool context_allows(const CodePoints& text, std::size_t at) {
    const auto c = text[at];
    const bool first = at == 0;
    const bool last = at + 1 == text.size();
    if (c == 0x200C) return follows_virama(text, at) || stands_between_joining(text, at);
    if (c == 0x200D) return follows_virama(text, at);
    if (c == 0xB7) return !first && !last && text[at - 1] == 'l' && text[at + 1] == 'l';
    if (c == 0x375) return !last && in_script(text[at + 1], USCRIPT_GREEK);
    if (c == 0x5F3 || c == 0x5F4) return !first && in_script(text[at - 1], USCRIPT_HEBREW);
    if (c == 0x30FB) return std::any_of(text.begin(), text.end(), is_japanese);
    if (between(c, 0x660, 0x669)) return !any_between(text, 0x6F0, 0x6F9);
    return !any_between(text, 0x660, 0x669);
}

enum class StringClass { identifier, freeform };

bool belongs_to(StringClass string_class, const CodePoints& text) {
    for (std::size_t at = 0; at < text.size(); ++at) {
        switch (property_of(text[at])) {
            case Property::valid:
                break;
            case Property::free_only:
                if (string_class == StringClass::identifier) return false;
                break;
            case Property::context_j:
            case Property::context_o:
                if (!context_allows(text, at)) return false;
                break;
            case Property::refused:
                return false;
        }
    }
    return true;
}

// ---- the Bidi rule, RFC 5893 section 2

std::uint32_t direction_mask(UChar32 c) { return 1u << u_charDirection(c); }

constexpr std::uint32_t mask(std::initializer_list<UCharDirection> directions) {
    std::uint32_t result = 0;
    for (const auto direction : directions) result |= 1u << direction;
    return result;
}

constexpr auto right_to_left = mask({U_RIGHT_TO_LEFT, U_RIGHT_TO_LEFT_ARABIC});
constexpr auto arabic_number = mask({U_ARABIC_NUMBER});
constexpr auto european_number = mask({U_EUROPEAN_NUMBER});
constexpr auto left_to_right = mask({U_LEFT_TO_RIGHT});
constexpr auto everywhere =
    mask({U_EUROPEAN_NUMBER, U_EUROPEAN_NUMBER_SEPARATOR, U_COMMON_NUMBER_SEPARATOR, U_EUROPEAN_NUMBER_TERMINATOR,
          U_OTHER_NEUTRAL, U_BOUNDARY_NEUTRAL, U_DIR_NON_SPACING_MARK});

bool obeys_bidi_rule(const CodePoints& text) {
    std::uint32_t seen = 0;
    for (const auto c : text) seen |= direction_mask(c);
    if (!(seen & (right_to_left | arabic_number))) return true;
    const auto is_mark = [](UChar32 c) { return u_charDirection(c) == U_DIR_NON_SPACING_MARK; };
    const auto last = std::find_if_not(text.rbegin(), text.rend(), is_mark);
    if (last == text.rend()) return false;
    const auto first = direction_mask(text.front());
    const auto end = direction_mask(*last);
    if (first & right_to_left) {
        return !(seen & ~(right_to_left | arabic_number | everywhere)) &&
               (end & (right_to_left | european_number | arabic_number)) &&
               !((seen & european_number) && (seen & arabic_number));
    }
    return (first & left_to_right) && !(seen & ~(left_to_right | everywhere)) &&
           (end & (left_to_right | european_number));
}

// ---- the profiles

// Full-width and half-width forms become the ordinary ones (RFC 8264 5.2.1).
icu::UnicodeString map_width(const icu::UnicodeString& text) {
    icu::UnicodeString result;
    icu::UnicodeString plain;
    for (const auto c : code_points(text)) {
        const auto type = u_getIntPropertyValue(c, UCHAR_DECOMPOSITION_TYPE);
        if ((type == U_DT_WIDE || type == U_DT_NARROW) && nfkc().getRawDecomposition(c, plain)) {
            result.append(plain);
        } else {
            result.append(c);
        }
    }
    return result;
}

icu::UnicodeString map_spaces(const icu::UnicodeString& text) {
    icu::UnicodeString result;
    for (const auto c : code_points(text)) result.append(u_charType(c) == U_SPACE_SEPARATOR ? UChar32{' '} : c);
    return result;
}

std::optional<icu::UnicodeString> normalised(const icu::UnicodeString& text) {
    UErrorCode status = U_ZERO_ERROR;
    auto result = nfc().normalize(text, status);
    if (U_FAILURE(status)) return std::nullopt;
    return result;
}

std::optional<icu::UnicodeString> username_pass(const icu::UnicodeString& text) {
    auto mapped = map_width(text);
    auto result = normalised(mapped.toLower(icu::Locale::getRoot()));
    if (!result) return std::nullopt;
    const auto points = code_points(*result);
    if (!obeys_bidi_rule(points) || !belongs_to(StringClass::identifier, points)) return std::nullopt;
    return result;
}

std::optional<icu::UnicodeString> opaque_pass(const icu::UnicodeString& text) {
    auto result = normalised(map_spaces(text));
    if (!result || !belongs_to(StringClass::freeform, code_points(*result))) return std::nullopt;
    return result;
}

template <class Pass>
std::optional<std::string> until_stable(std::string_view text, Pass pass) {
    auto current = decode(text);
    for (int i = 0; i < max_passes && current; ++i) {
        auto next = pass(*current);
        if (next && *next == *current) return encode(*next);
        current = std::move(next);
    }
    return std::nullopt;
}

// ---- stringprep, RFC 3920 appendices A and B

struct CloseProfile {
    void operator()(UStringPrepProfile* profile) const { usprep_close(profile); }
};
using Profile = std::unique_ptr<UStringPrepProfile, CloseProfile>;

Profile open_profile(UStringPrepProfileType type) {
    UErrorCode status = U_ZERO_ERROR;
    Profile profile(usprep_openByType(type, &status));
    return U_FAILURE(status) ? nullptr : std::move(profile);
}

std::optional<std::string> prepare(const Profile& profile, std::string_view text, Unassigned unassigned) {
    const auto source = decode(text);
    if (!source || !profile) return std::nullopt;
    const auto options = unassigned == Unassigned::allow ? USPREP_ALLOW_UNASSIGNED : USPREP_DEFAULT;
    // Whatever needs more units than there may be bytes is too long anyway.
    std::array<UChar, max_bytes + 1> result;
    UErrorCode status = U_ZERO_ERROR;
    const auto size = usprep_prepare(profile.get(), source->getBuffer(), source->length(), result.data(), result.size(),
                                     options, nullptr, &status);
    if (U_FAILURE(status)) return std::nullopt;
    return encode(icu::UnicodeString(result.data(), size));
}

}  // namespace

std::optional<std::string> username_case_mapped(std::string_view text) { return until_stable(text, username_pass); }
std::optional<std::string> opaque_string(std::string_view text) { return until_stable(text, opaque_pass); }

std::optional<std::string> nodeprep(std::string_view text, Unassigned unassigned) {
    static const Profile profile = open_profile(USPREP_RFC3920_NODEPREP);
    return prepare(profile, text, unassigned);
}

std::optional<std::string> resourceprep(std::string_view text, Unassigned unassigned) {
    static const Profile profile = open_profile(USPREP_RFC3920_RESOURCEPREP);
    return prepare(profile, text, unassigned);
}

namespace {

// Scripts that are written together count as one (UTS 39 section 5.1, augmented script sets).
enum Writing : std::uint32_t { japanese = 1, korean = 2, bopomofo = 4 };

struct ScriptSet {
    bool any = false;  // Common or Inherited: fits everything
    std::vector<UScriptCode> scripts;
    std::uint32_t writings = 0;
};

std::uint32_t writings_of(UScriptCode script) {
    switch (script) {
        case USCRIPT_HAN:
            return japanese | korean | bopomofo;
        case USCRIPT_HIRAGANA:
        case USCRIPT_KATAKANA:
            return japanese;
        case USCRIPT_HANGUL:
            return korean;
        case USCRIPT_BOPOMOFO:
            return bopomofo;
        default:
            return 0;
    }
}

ScriptSet scripts_of(UChar32 c) {
    std::array<UScriptCode, 32> codes;
    UErrorCode status = U_ZERO_ERROR;
    const auto count = uscript_getScriptExtensions(c, codes.data(), codes.size(), &status);
    ScriptSet result;
    for (std::int32_t i = 0; U_SUCCESS(status) && i < count; ++i) {
        result.any |= codes[i] == USCRIPT_COMMON || codes[i] == USCRIPT_INHERITED;
        result.scripts.push_back(codes[i]);
        result.writings |= writings_of(codes[i]);
    }
    return result;
}

void intersect(ScriptSet& common, const ScriptSet& other) {
    if (other.any) return;
    if (common.any) {
        common = other;
        return;
    }
    std::erase_if(common.scripts, [&](UScriptCode script) {
        return std::find(other.scripts.begin(), other.scripts.end(), script) == other.scripts.end();
    });
    common.writings &= other.writings;
}

}  // namespace

bool is_single_script(std::string_view text) {
    const auto decoded = decode(text);
    if (!decoded) return false;
    ScriptSet common;
    common.any = true;
    for (const auto c : code_points(*decoded)) intersect(common, scripts_of(c));
    return common.any || !common.scripts.empty() || common.writings != 0;
}

}  // namespace rookery::precis
